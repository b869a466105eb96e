import {type FileHandle, open} from 'node:fs/promises';
import type {ReadBytes} from './ext4.js';

/** A raw disk that is open for reading. */
export interface OpenDisk extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly read: ReadBytes;
}

const chunkBytes = 2 ** 20;
const keptChunks = 24;

/** Opens a raw disk file. What is read is kept for a while: small files that lie together come with one reading.
 * Zeros stand for what is beyond its end, however far: offsets may come from a damaged disk.
 */
export async function openRawDisk(path: string): Promise<OpenDisk> {
  const file = await open(path, 'r');
  const {size} = await file.stat();
  const chunks = new Map<number, Buffer>();
  const chunk = async (number: number): Promise<Buffer> => {
    const known = chunks.get(number);
    if (known) {
      chunks.delete(number);
      chunks.set(number, known);
      return known;
    }
    const read = await readExactly(file, number * chunkBytes, chunkBytes);
    chunks.set(number, read);
    if (chunks.size > keptChunks) chunks.delete(chunks.keys().next().value ?? 0);
    return read;
  };
  return {
    sizeBytes: size,
    async read(offset, length) {
      if (offset >= size) return Buffer.alloc(length);
      const first = Math.floor(offset / chunkBytes);
      const last = Math.floor((offset + length - 1) / chunkBytes);
      if (last > first + 1) return readExactly(file, offset, length);
      const within = offset - first * chunkBytes;
      const start = await chunk(first);
      if (last <= first) return start.subarray(within, within + length);
      const rest = (await chunk(last)).subarray(0, within + length - chunkBytes);
      return Buffer.concat([start.subarray(within), rest]);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Zeros stand for what is beyond the end of the file. */
async function readExactly(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const {bytesRead} = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer;
}
