import type {EntryType} from '../inspection/index.js';

/** Damage that keeps a tree from being read; the message says where it is. */
export class DamagedFileSystem extends Error {}

/** What a file system says of itself as a whole. */
export interface Superblock {
  readonly blockSize: number;
  readonly blocks: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly descriptorsAt: number;
}

/** @returns A text with the reason when the file system can't be read. */
export function parseSuperblock(block: Buffer, incompatible: number): Superblock | string {
  const logSize = block.readUInt32LE(0x18);
  if (logSize > 6) return `its superblock is damaged: blocks of 2^${10 + logSize} bytes`;
  const blockSize = 1024 << logSize;
  const is64Bit = (incompatible & 0x80) !== 0;
  const inodeSize = block.readUInt32LE(0x4c) === 0 ? 128 : block.readUInt16LE(0x58);
  const inodesPerGroup = block.readUInt32LE(0x28);
  if (inodeSize < 128 || inodeSize > blockSize || inodesPerGroup === 0) {
    return `its superblock is damaged: inodes of ${inodeSize} bytes, ${inodesPerGroup} in a group`;
  }
  return {
    blockSize,
    blocks: block.readUInt32LE(4) + (is64Bit ? block.readUInt32LE(0x150) * 2 ** 32 : 0),
    inodes: block.readUInt32LE(0),
    inodesPerGroup,
    inodeSize,
    descriptorSize: is64Bit ? Math.max(block.readUInt16LE(0xfe), 64) : 32,
    descriptorsAt: (block.readUInt32LE(0x14) + 1) * blockSize,
  };
}

export interface Inode {
  readonly number: number;
  readonly type: EntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  readonly links: number;
  readonly hasExtents: boolean;
  readonly attributeBlock: number;
  readonly raw: Buffer;
}

const types: Readonly<Record<number, EntryType>> = {
  4096: 'fifo',
  8192: 'character device',
  16384: 'folder',
  24576: 'block device',
  32768: 'file',
  40960: 'link',
  49152: 'socket',
};

/** @returns A text that says what is damaged. */
export function parseInode(number: number, raw: Buffer): Inode | string {
  const written = raw.readUInt16LE(0);
  const type = types[written & 0xf000];
  if (!type) return `inode ${number} is of no known type (mode ${written.toString(8)})`;
  const flags = raw.readUInt32LE(0x20);
  if ((flags & 0x800) !== 0) return `inode ${number} is encrypted`;
  const attributeBlock = raw.readUInt32LE(0x68) + raw.readUInt16LE(0x76) * 2 ** 32;
  const extraBytes = raw.length > 128 ? raw.readUInt16LE(0x80) : 0;
  const laterEpoch = extraBytes >= 12 ? (raw.readUInt32LE(0x88) & 3) * 2 ** 32 : 0;
  return {
    number,
    type,
    mode: written & 0o7777,
    uid: raw.readUInt16LE(2) + raw.readUInt16LE(0x78) * 65536,
    gid: raw.readUInt16LE(0x18) + raw.readUInt16LE(0x7a) * 65536,
    sizeBytes: raw.readUInt32LE(4) + (type === 'file' || type === 'folder' ? raw.readUInt32LE(0x6c) * 2 ** 32 : 0),
    modifiedAt: raw.readInt32LE(0x10) + laterEpoch,
    links: raw.readUInt16LE(0x1a),
    hasExtents: (flags & 0x80000) !== 0,
    attributeBlock,
    raw,
  };
}

/** Major and minor number, in the older form of 8 bits each or in the newer one. */
export function deviceOf(raw: Buffer): readonly [number, number] {
  const older = raw.readUInt32LE(0x28);
  if (older !== 0) return [(older >> 8) & 0xff, older & 0xff];
  const newer = raw.readUInt32LE(0x2c);
  return [(newer >> 8) & 0xfff, (newer & 0xff) | ((newer >> 12) & 0xfff00)];
}
