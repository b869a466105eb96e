import {writeFile} from 'node:fs/promises';
import {deflateRawSync} from 'node:zlib';

const clusterBytes = 65536;
const refcountTableAt = clusterBytes;
const refcountBlockAt = 2 * clusterBytes;
const level1At = 3 * clusterBytes;
/** What one table of the second level covers. */
const coveredBytes = (clusterBytes / 8) * clusterBytes;
const copied = 1n << 63n;
const compressed = 1n << 62n;

/** Writes a qcow2 of less than a megabyte whose disk is full of data: all its tables lead to one compressed cluster.
 * @see docs/interop/qcow2.txt of QEMU
 */
export async function writeExpandingQcow2(path: string, diskGiB: number): Promise<void> {
  const diskBytes = diskGiB * 2 ** 30;
  const level1Entries = Math.ceil(diskBytes / coveredBytes);
  const level2At = level1At + Math.ceil((level1Entries * 8) / clusterBytes) * clusterBytes;
  const dataAt = level2At + clusterBytes;
  const file = Buffer.alloc(dataAt + clusterBytes);
  file.write('QFI\xfb', 0, 'latin1');
  file.writeUInt32BE(3, 4); // version
  file.writeUInt32BE(16, 20); // cluster bits
  file.writeBigUInt64BE(BigInt(diskBytes), 24);
  file.writeUInt32BE(level1Entries, 36);
  file.writeBigUInt64BE(BigInt(level1At), 40);
  file.writeBigUInt64BE(BigInt(refcountTableAt), 48);
  file.writeUInt32BE(1, 56); // clusters of the refcount table
  file.writeUInt32BE(4, 96); // refcounts of 2^4 bits
  file.writeUInt32BE(104, 100); // header length
  file.writeBigUInt64BE(BigInt(refcountBlockAt), refcountTableAt);
  for (let at = 0; at < file.length; at += clusterBytes) {
    file.writeUInt16BE(1, refcountBlockAt + (at / clusterBytes) * 2);
  }
  for (let i = 0; i < level1Entries; i++) file.writeBigUInt64BE(copied | BigInt(level2At), level1At + i * 8);
  const data = deflateRawSync(Buffer.alloc(clusterBytes, 'data'), {windowBits: 12});
  data.copy(file, dataAt);
  const furtherSectors = BigInt(Math.ceil(data.length / 512) - 1);
  const entry = compressed | (furtherSectors << 54n) | BigInt(dataAt);
  for (let at = level2At; at < dataAt; at += 8) file.writeBigUInt64BE(entry, at);
  await writeFile(path, file);
}

/** Writes a raw disk with a GUID partition table whose partitions lie where nothing can be. */
export async function writeDiskWithImpossibleTable(path: string): Promise<void> {
  const disk = Buffer.alloc(2 ** 20);
  disk.writeUInt16LE(0xaa55, 510);
  disk.write('EFI PART', 512, 'latin1');
  disk.writeBigUInt64LE(2n, 512 + 72);
  disk.writeUInt32LE(4, 512 + 80);
  disk.writeUInt32LE(128, 512 + 84);
  for (const [i, start] of [2n ** 63n, 2n ** 40n].entries()) {
    disk.fill(1, 1024 + i * 128, 1024 + i * 128 + 16);
    disk.writeBigUInt64LE(start, 1024 + i * 128 + 32);
    disk.writeBigUInt64LE(start + 2n ** 40n, 1024 + i * 128 + 40);
  }
  await writeFile(path, disk);
}
