import type {ReadBytes} from './ext4.js';
import {isFatBootSector} from './partition-table.js';

/** A file system, or whatever else lies in a partition, known by its signature. */
export interface FileSystemSignature {
  readonly type: 'ext4' | 'vfat' | 'xfs' | 'btrfs' | 'squashfs' | 'swap' | 'lvm' | 'luks';
  /** As `blkid` prints it: vfat's are eight digits with a hyphen. */
  readonly uuid?: string;
  readonly label?: string;
}

/** Looks at the places where file systems have their signatures; undefined when there's none that is known.
 * ext2 and ext3 are told as ext4, which reads them.
 */
export async function identifyFileSystem(read: ReadBytes): Promise<FileSystemSignature | undefined> {
  const start = await read(0, 4096);
  if (start.readUInt16LE(1024 + 0x38) === 0xef53) {
    const superblock = start.subarray(1024);
    return {type: 'ext4', uuid: uuidText(superblock, 0x68), label: textAt(superblock, 0x78, 16)};
  }
  if (start.readUInt16LE(510) === 0xaa55 && isFatBootSector(start)) {
    const at = start.toString('latin1', 82, 85) === 'FAT' ? 67 : 39;
    const id = start.readUInt32LE(at).toString(16).padStart(8, '0').toUpperCase();
    return {type: 'vfat', uuid: `${id.slice(0, 4)}-${id.slice(4)}`, label: textAt(start, at + 4, 11)};
  }
  if (start.toString('latin1', 0, 4) === 'XFSB') {
    return {type: 'xfs', uuid: uuidText(start, 32), label: textAt(start, 108, 12)};
  }
  if (start.toString('latin1', 0, 4) === 'hsqs') return {type: 'squashfs'};
  if (start.toString('latin1', 0, 4) === 'LUKS') return {type: 'luks'};
  if (start.toString('latin1', 512, 520) === 'LABELONE') return {type: 'lvm'};
  if (start.toString('latin1', 4086, 4096) === 'SWAPSPACE2') return {type: 'swap', uuid: uuidText(start, 1036)};
  const btrfs = await read(65536, 4096);
  if (btrfs.toString('latin1', 64, 72) === '_BHRfS_M') {
    return {type: 'btrfs', uuid: uuidText(btrfs, 32), label: textAt(btrfs, 299, 256)};
  }
  return undefined;
}

function uuidText(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function textAt(bytes: Buffer, at: number, length: number): string {
  return bytes
    .toString('utf8', at, at + length)
    .replace(/\0.*$/s, '')
    .trim();
}
