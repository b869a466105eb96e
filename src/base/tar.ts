import type {Readable} from 'node:stream';
import {Bug} from './errors.js';

/** A file of a tar archive. */
export interface TarFile {
  /** Relative, at most 255 bytes. */
  readonly path: string;
  readonly isExecutable: boolean;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const blockBytes = 512;

/** The bytes of a tar archive in ustar form: without owners, dates or folders, so that equal files give equal bytes.
 * @see pax(1p), "ustar Interchange Format"
 */
export async function* writeTar(files: AsyncIterable<TarFile> | Iterable<TarFile>): AsyncGenerator<Uint8Array> {
  for await (const file of files) {
    yield header(file);
    let written = 0;
    for await (const chunk of file.content) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== file.sizeBytes) throw new Bug('tar-size', {path: file.path, written, sizeBytes: file.sizeBytes});
    yield new Uint8Array(padding(written));
  }
  yield new Uint8Array(2 * blockBytes);
}

function padding(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

function header({path, isExecutable, sizeBytes}: TarFile): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  const [prefix, name] = splitPath(path);
  block.write(name, 0);
  block.write(isExecutable ? '0000755\0' : '0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function splitPath(path: string): [string, string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw new Bug('tar-path-too-long', {path});
}

/** Sum of a header's bytes, its own place counted as blanks. */
function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
  return sum;
}

/** Reads a tar archive in ustar form, file after file; each file's content is to be read before the next is asked for.
 * @throws {SyntaxError} when it is none, or is cut.
 */
export async function* readTar(stream: Readable): AsyncGenerator<TarFile> {
  const source = new ByteSource(stream);
  for (;;) {
    const block = await source.take(blockBytes);
    if (!block) throw new SyntaxError('it is cut');
    if (block.every((byte) => byte === 0)) return;
    const text = (from: number, length: number) => {
      const field = block.subarray(from, from + length);
      const end = field.indexOf(0);
      return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
    };
    const isTar = text(257, 5) === 'ustar' && Number.parseInt(text(148, 8), 8) === checksum(block);
    if (!isTar) throw new SyntaxError('it is no tar archive, or damaged');
    const [prefix, name] = [text(345, 155), text(0, 100)];
    const sizeBytes = Number.parseInt(text(124, 12), 8);
    yield {
      path: prefix ? `${prefix}/${name}` : name,
      isExecutable: (Number.parseInt(text(100, 8), 8) & 0o100) !== 0,
      sizeBytes,
      content: source.stream(sizeBytes),
    };
    if (padding(sizeBytes) > 0 && !(await source.take(padding(sizeBytes)))) throw new SyntaxError('it is cut');
  }
}

/** A stream's bytes, as many at a time as wanted. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async #next(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, next.value]) : next.value;
    return true;
  }

  async take(count: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length < count) if (!(await this.#next())) return undefined;
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  async *stream(sizeBytes: number): AsyncGenerator<Uint8Array> {
    let left = sizeBytes;
    while (left > 0) {
      if (this.#rest.length === 0 && !(await this.#next())) throw new SyntaxError('it is cut');
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
