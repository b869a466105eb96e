import {createHash} from 'node:crypto';

export const sectorBytes = 512;
const mib = 2048;

/** One partition, in sectors. */
export interface Partition {
  readonly name: 'bios' | 'esp' | 'root';
  readonly start: number;
  readonly size: number;
  /** GPT type. */
  readonly type: string;
  readonly uuid: string;
}

/** A disk that boots by BIOS and by UEFI, in sectors of 512 bytes. */
export interface DiskLayout {
  readonly diskUuid: string;
  readonly totalSectors: number;
  readonly partitions: readonly Partition[];
}

/** Identities of a disk and its file systems, all from its build key: equal builds give equal disks. */
export interface DiskIdentities {
  readonly disk: string;
  readonly bios: string;
  readonly esp: string;
  readonly root: string;
  /** Of the root file system; also the seed of its directory hashes. */
  readonly rootFilesystem: string;
  /** FAT volume id, 8 hexadecimal digits. */
  readonly espVolume: string;
}

export function diskIdentities(buildKey: string): DiskIdentities {
  const of = (what: string) => uuidFrom(`${buildKey} ${what}`);
  return {
    disk: of('disk'),
    bios: of('bios partition'),
    esp: of('esp partition'),
    root: of('root partition'),
    rootFilesystem: of('root file system'),
    espVolume: of('esp volume').slice(0, 8),
  };
}

/** A UUID of version 5 (RFC 9562) in a name space of our own. */
export function uuidFrom(name: string): string {
  const space = Buffer.from('6f1d5c5b1d0e5a0b8b0f6a5c6a1f0e77', 'hex');
  const bytes = createHash('sha1').update(space).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Where GRUB's core image for BIOS lies: the start of the BIOS boot partition. */
export const coreImageSector = 1 * mib;

/** Size of the EFI system partition: the smallest that is FAT32 by the book. */
export const espMiB = 64;

/** @param rootMiB Size of the root file system. */
export function layoutDisk(rootMiB: number, identities: DiskIdentities, architecture: 'amd64' | 'arm64'): DiskLayout {
  const bios = {
    name: 'bios',
    start: coreImageSector,
    size: 1 * mib,
    type: biosBootType,
    uuid: identities.bios,
  } as const;
  const esp = {name: 'esp', start: 2 * mib, size: espMiB * mib, type: espType, uuid: identities.esp} as const;
  const start = esp.start + esp.size;
  const root = {
    name: 'root',
    start,
    size: rootMiB * mib,
    type: rootTypes[architecture],
    uuid: identities.root,
  } as const;
  // The last MiB holds the second copy of the table.
  return {diskUuid: identities.disk, totalSectors: root.start + root.size + mib, partitions: [bios, esp, root]};
}

/** @see https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ */
const biosBootType = '21686148-6449-6E6F-744E-656564454649';
const espType = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const rootTypes = {
  amd64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  arm64: 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
} as const;

/** The layout in sfdisk's language. */
export function sfdiskInput(layout: DiskLayout): string {
  const lines = layout.partitions.map(
    ({name, start, size, type, uuid}) => `start=${start}, size=${size}, type=${type}, uuid=${uuid}, name=${name}`,
  );
  return [`label: gpt`, `label-id: ${layout.diskUuid}`, 'first-lba: 34', ...lines, ''].join('\n');
}

/** Size of a root file system for a tree, in MiB.
 * @param contentMiB What the tree takes in blocks of 4 KiB.
 * @param headroom Free share beside it; at least `freeMiB`.
 */
export function rootSizeMiB(contentMiB: number, headroom: number, freeMiB: number): number {
  const journalMiB = 64;
  const tables = 1.06; // inodes (one for 8 KiB), bitmaps, and the share kept for root
  return Math.ceil((contentMiB + Math.max(contentMiB * headroom, freeMiB)) * tables) + journalMiB;
}
