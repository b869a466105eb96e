import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {type FileHandle, open, stat} from 'node:fs/promises';
import {type Sha256, systemErrorCode, UsageError} from '../base/index.js';
import {identifyFileSystem} from './file-system.js';
import {lastByteNeeded, parseQcow2Header, type Qcow2Header} from './qcow2-header.js';

/** A file that a virtual machine can have as its disk. */
export interface DiskFile {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly fileSizeBytes: number;
  /** Size of the disk that the guest sees. */
  readonly virtualSizeBytes: number;
}

/** Reads what a disk image file is, without trusting its name; the file isn't changed.
 * @throws {UsageError} `file-not-found`; `not-a-disk-image` when it is something else, or cut short, or needs another file.
 */
export async function readDiskFile(path: string): Promise<DiskFile> {
  await using file = await openImage(path);
  const {size: fileSizeBytes} = await file.stat();
  const start = await readAt(file, 0, 4096);
  const header = parseQcow2Header(start);
  if (typeof header === 'string') throw new UsageError('not-a-disk-image', {path, problem: header});
  if (!header) return await rawDisk(path, start, fileSizeBytes, file);
  await checkWhole(path, file, header, fileSizeBytes);
  return {path, format: 'qcow2', fileSizeBytes, virtualSizeBytes: header.virtualSizeBytes};
}

/** A file's content by both digests that are in use for images: ours, and Glance's default. */
export interface ContentDigests {
  readonly sha256: Sha256;
  readonly sha512: string;
}

/** Reads the file once for both digests.
 * @param onProgress Called with the bytes read so far.
 */
export async function digestDiskFile(
  path: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<ContentDigests> {
  const short = createHash('sha256');
  const long = createHash('sha512');
  let done = 0;
  for await (const chunk of createReadStream(path, {highWaterMark: 1 << 18, signal})) {
    short.update(chunk);
    long.update(chunk);
    done += chunk.length;
    onProgress(done);
  }
  return {sha256: short.digest('hex') as Sha256, sha512: long.digest('hex')};
}

async function openImage(path: string): Promise<FileHandle & AsyncDisposable> {
  try {
    const kind = await stat(path);
    if (!kind.isFile() && !kind.isBlockDevice()) {
      const problem = kind.isDirectory() ? 'it is a folder' : 'it is neither a file nor a block device';
      throw new UsageError('not-a-disk-image', {path, problem});
    }
    const file = await open(path, 'r');
    return Object.assign(file, {[Symbol.asyncDispose]: () => file.close()});
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path, what: 'disk image'});
    throw error;
  }
}

/** A raw disk is known by its partition table, the boot signature of a (protective) MBR, or is one file system as a whole. */
async function rawDisk(path: string, start: Buffer, fileSizeBytes: number, file: FileHandle): Promise<DiskFile> {
  const hasTable = start.length >= 512 && start.readUInt16LE(510) === 0xaa55;
  if (!hasTable && !(await isFileSystem(file))) {
    const problem = 'neither a qcow2 header nor a partition table nor a file system is in it';
    throw new UsageError('not-a-disk-image', {path, problem});
  }
  if (fileSizeBytes % 512 !== 0) {
    throw new UsageError('not-a-disk-image', {path, problem: 'its size is no multiple of 512 bytes: it was cut short'});
  }
  return {path, format: 'raw', fileSizeBytes, virtualSizeBytes: fileSizeBytes};
}

async function isFileSystem(file: FileHandle): Promise<boolean> {
  const found = await identifyFileSystem(async (offset, length) => {
    const read = await readAt(file, offset, length);
    return Buffer.concat([read, Buffer.alloc(length - read.length)]);
  });
  return ['ext4', 'vfat', 'xfs', 'btrfs'].includes(found?.type ?? '');
}

async function checkWhole(path: string, file: FileHandle, header: Qcow2Header, fileSizeBytes: number): Promise<void> {
  const needed = await lastByteNeeded(header, async (offset, length) =>
    offset < fileSizeBytes ? readAt(file, offset, length) : Buffer.alloc(0),
  );
  // The last compressed cluster needn't fill its last sector.
  const present = Math.ceil(fileSizeBytes / 512) * 512;
  if (needed > present) {
    const problem = `it was cut short: ${fileSizeBytes} bytes are there, at least ${needed} are needed`;
    throw new UsageError('not-a-disk-image', {path, problem});
  }
}

/** Fewer bytes than asked for at the end of the file. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const {bytesRead} = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
