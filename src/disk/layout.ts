import {createHash} from 'node:crypto';
import {UsageError} from '../base/index.js';
import type {SizeRule} from '../image/index.js';
import type {BlockDevices, FilesystemRequest, PartitionRequest} from './block-devices.js';
import {biosBootType, efiSystemType} from './partition-types.js';
import type {Size} from './size.js';

export const sectorBytes = 512;

/** One partition, in sectors. */
export interface Partition {
  readonly name: string;
  /** Its number in the table. */
  readonly number: number;
  readonly start: number;
  readonly size: number;
  /** A GUID on gpt; two hexadecimal digits on mbr. */
  readonly type: string;
  /** Only on gpt. */
  readonly uuid: string;
  readonly isBootable: boolean;
}

/** A file system with its identity. */
export interface IdentifiedFilesystem extends FilesystemRequest {
  /** `1234-ABCD` for vfat. */
  readonly uuid: string;
  readonly isEfiSystem: boolean;
}

/** A file system with its place on the disk, in sectors. */
export interface Filesystem extends IdentifiedFilesystem {
  readonly start: number;
  readonly size: number;
}

/** A disk to be made, in sectors of 512 bytes. */
export interface DiskLayout {
  readonly table: BlockDevices['table'];
  /** A GUID on gpt; eight hexadecimal digits on mbr. */
  readonly diskId: string;
  readonly totalSectors: number;
  readonly partitions: readonly Partition[];
  readonly filesystems: readonly Filesystem[];
  /** Where GRUB's core image for BIOS goes, and the room there; undefined when the disk has no place for it. */
  readonly biosCore?: {readonly start: number; readonly size: number};
}

/** A UUID of version 5 (RFC 9562) in a name space of our own. */
export function uuidFrom(name: string): string {
  const space = Buffer.from('6f1d5c5b1d0e5a0b8b0f6a5c6a1f0e77', 'hex');
  const bytes = createHash('sha1').update(space).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Places everything on a disk of a given size. Identities follow from the build key: equal builds give equal disks.
 * @throws {UsageError} `image-too-small` when a partition gets no room.
 */
export function layoutDisk(devices: BlockDevices, diskBytes: number, key: string): DiskLayout {
  const totalSectors = Math.floor(diskBytes / sectorBytes);
  const partitions = placePartitions(devices, totalSectors, key);
  const biosCore = biosCorePlace(devices.table, partitions);
  return {
    table: devices.table,
    diskId: devices.table === 'mbr' ? uuidFrom(`${key} disk`).slice(0, 8) : uuidFrom(`${key} disk`),
    totalSectors,
    partitions: partitions.map(({request, ...partition}) => partition),
    filesystems: identifyFilesystems(devices, key).map((filesystem) => {
      const place = partitions.find(({request}) => request && request.name === filesystem.partition);
      return {...filesystem, start: place?.start ?? 0, size: place?.size ?? totalSectors};
    }),
    ...(biosCore ? {biosCore} : {}),
  };
}

/** The file systems with their identities, which don't depend on the disk's size. */
export function identifyFilesystems({filesystems, partitions}: BlockDevices, key: string): IdentifiedFilesystem[] {
  return filesystems.map((filesystem) => {
    const drawn = uuidFrom(`${key} file system ${filesystem.name}`);
    const volume = `${drawn.slice(0, 4)}-${drawn.slice(4, 8)}`.toUpperCase();
    const on = partitions.find(({name}) => name === filesystem.partition);
    return {
      ...filesystem,
      uuid: filesystem.uuid ?? (filesystem.type === 'vfat' ? volume : drawn),
      isEfiSystem: filesystem.type === 'vfat' && (on?.type === efiSystemType || on?.type === 'ef'),
    };
  });
}

interface PlacedPartition extends Partition {
  readonly request: PartitionRequest | undefined;
}

/** What gpt keeps free of partitions: a MiB before the first, and one behind the last for the table's second copy. */
const gptReservedBytes = 2 * 2 ** 20;

function placePartitions(devices: BlockDevices, totalSectors: number, key: string): PlacedPartition[] {
  switch (devices.table) {
    case 'none':
      return [];
    case 'gpt':
      return placeOnGpt(devices, totalSectors, key);
    case 'mbr':
      return placeOnMbr(devices, totalSectors);
  }
}

/** Whole MiB, one after the other; a share is one of what is left. */
function placeOnGpt({partitions, alignBytes}: BlockDevices, totalSectors: number, key: string): PlacedPartition[] {
  const align = Math.max(alignBytes / sectorBytes, mib);
  let free = totalSectors * sectorBytes - gptReservedBytes;
  let start = align;
  return partitions.map((request, index) => {
    const wanted = Math.floor(sizeOf(request.size, free) / 2 ** 20) * mib;
    const size = checkRoom(request, wanted, Math.floor(free / sectorBytes));
    const uuid = uuidFrom(`${key} partition ${request.name}`);
    const placed = {...partition(request, index + 1, start, size), uuid, request};
    free -= size * sectorBytes;
    start = roundUp(start + size, align);
    return placed;
  });
}

/** Primary partitions, then an extended one up to the disk's end with all others in it. */
function placeOnMbr({partitions, alignBytes}: BlockDevices, totalSectors: number): PlacedPartition[] {
  const align = Math.max(alignBytes / sectorBytes, 1);
  const placed: PlacedPartition[] = [];
  let next = align;
  let logical = 0;
  for (const request of partitions) {
    if (!request.isPrimary && logical === 0) {
      const size = totalSectors - next;
      const extended = {name: 'extended', size: {kind: 'bytes', bytes: 0}, type: '0f', isBootable: false} as const;
      placed.push({...partition({...extended, isPrimary: true}, placed.length + 1, next, size), request: undefined});
    }
    // A logical partition has its own small table before it.
    const start = request.isPrimary ? next : roundUp(next + 1, align);
    const free = totalSectors - start;
    const wanted = Math.floor(sizeOf(request.size, free * sectorBytes) / sectorBytes);
    const size = checkRoom(request, wanted, free);
    const number = request.isPrimary ? placed.length + 1 : 5 + logical++;
    placed.push({...partition(request, number, start, size), request});
    next = roundUp(start + size, align);
  }
  return placed;
}

function partition(request: PartitionRequest, number: number, start: number, size: number): Partition {
  const {name, type, isBootable} = request;
  return {name, number, start, size, type, uuid: '', isBootable};
}

function sizeOf(size: Size, freeBytes: number): number {
  return size.kind === 'bytes' ? size.bytes : Math.floor((freeBytes * size.percent) / 100);
}

function checkRoom({name}: PartitionRequest, wanted: number, free: number): number {
  if (wanted > 0 && wanted <= free) return wanted;
  throw new UsageError('image-too-small', {
    what: `partition "${name}"`,
    neededBytes: Math.max(wanted, mib) * sectorBytes,
    availableBytes: Math.max(free, 0) * sectorBytes,
  });
}

/** On mbr the gap before the first partition; on gpt the partition made for it. */
function biosCorePlace(table: BlockDevices['table'], partitions: readonly Partition[]): DiskLayout['biosCore'] {
  if (table === 'none') return undefined;
  if (table === 'gpt') {
    const bios = partitions.find(({type}) => type === biosBootType);
    return bios && {start: bios.start, size: bios.size};
  }
  const first = Math.min(...partitions.map(({start}) => start));
  return {start: 1, size: first - 1};
}

/** The partition table in sfdisk's language, with every place and identity, so that sfdisk chooses none itself.
 * @param disk The file's name, which sfdisk's device names begin with.
 */
export function sfdiskInput(layout: DiskLayout, disk: string): string {
  const isGpt = layout.table === 'gpt';
  const header = isGpt
    ? ['label: gpt', `label-id: ${layout.diskId}`, 'first-lba: 34']
    : ['label: dos', `label-id: 0x${layout.diskId}`];
  const lines = layout.partitions.map(({name, number, start, size, type, uuid, isBootable}) => {
    const own = isGpt ? `, uuid=${uuid}, name="${name}"` : isBootable ? ', bootable' : '';
    return `${disk}${number} : start=${start}, size=${size}, type=${type}${own}`;
  });
  return [...header, ...lines, ''].join('\n');
}

/** Size of a disk for its content.
 * @param contentKiB What each file system's files take, by the file system's name.
 * @returns Bytes; what the configuration says itself comes first.
 */
export function diskSize(devices: BlockDevices, rule: SizeRule, contentKiB: Readonly<Record<string, number>>): number {
  if (devices.sizeBytes !== undefined) return devices.sizeBytes;
  if (rule.kind === 'fixed') return rule.diskBytes;
  const fixed = fixedBytes(devices);
  if (rule.kind === 'upstream') {
    const used = Object.values(contentKiB).reduce((sum, kib) => sum + kib, 0);
    const scaled = rule.extraMiB === undefined ? Math.trunc(used / 0.6) : used + rule.extraMiB * 1024;
    const least = (rule.journalMiB + 16) * 1024; // mke2fs lets the journal have half of a file system
    const kib = Math.max(scaled, least) + rule.journalMiB * 1024 + Math.ceil(fixed.partitions / 1024);
    return roundUp(kib, 64) * 1024;
  }
  const root = rootNeedMiB(devices, contentKiB, rule);
  return fixed.overhead + fixed.partitions + root * 2 ** 20;
}

/** What all but shares take: the table, and partitions of absolute size. */
function fixedBytes({table, alignBytes, partitions}: BlockDevices): {overhead: number; partitions: number} {
  const overhead = table === 'gpt' ? gptReservedBytes + Math.max(0, alignBytes - 2 ** 20) : alignBytes;
  const sizes = partitions.map(({size}) => (size.kind === 'bytes' ? roundUp(size.bytes, 2 ** 20) : 0));
  return {overhead: table === 'none' ? 0 : overhead, partitions: sizes.reduce((sum, size) => sum + size, 0)};
}

/** What the partitions take that are shares of the rest, so that the smallest share still holds its content. */
function rootNeedMiB(
  devices: BlockDevices,
  contentKiB: Readonly<Record<string, number>>,
  {headroom, freeMiB}: {readonly headroom: number; readonly freeMiB: number},
): number {
  let left = 1;
  let need = 0;
  for (const {name, size} of devices.partitions) {
    if (size.kind === 'bytes') continue;
    const share = (left * size.percent) / 100;
    const on = devices.filesystems.find(({partition}) => partition === name);
    if (on && share > 0) {
      need = Math.max(need, ext4SizeMiB((contentKiB[on.name] ?? 0) / 1024, headroom, freeMiB) / share);
    }
    left -= share;
  }
  if (devices.table === 'none') {
    const [whole] = devices.filesystems;
    return ext4SizeMiB((contentKiB[whole?.name ?? ''] ?? 0) / 1024, headroom, freeMiB);
  }
  return Math.ceil(need);
}

/** Size of an ext4 file system for its files, in MiB.
 * @param contentMiB What they take in blocks of 4 KiB.
 * @param headroom Free share beside it; at least `freeMiB`.
 */
export function ext4SizeMiB(contentMiB: number, headroom: number, freeMiB: number): number {
  const journalMiB = 64;
  const tables = 1.06; // inodes (one for 8 KiB), bitmaps, and the share kept for root
  return Math.ceil((contentMiB + Math.max(contentMiB * headroom, freeMiB)) * tables) + journalMiB;
}

/** @throws {UsageError} `image-too-small` when a file system has less room than its files take. */
export function checkContent(layout: DiskLayout, contentKiB: Readonly<Record<string, number>>): void {
  for (const {name, mountPoint, size} of layout.filesystems) {
    const availableBytes = size * sectorBytes;
    const neededBytes = (contentKiB[name] ?? 0) * 1024;
    if (neededBytes <= availableBytes) continue;
    throw new UsageError('image-too-small', {
      what: `the files of "${mountPoint ?? name}"`,
      neededBytes,
      availableBytes,
    });
  }
}

const mib = 2 ** 20 / sectorBytes;

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
