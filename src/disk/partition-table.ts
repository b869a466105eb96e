import type {ReadBytes} from './ext4.js';

/** One partition of a disk as its table has it; for a disk without a table, all of it, with number 0. */
export interface FoundPartition {
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** GPT's type in capitals, or two hexadecimal digits of an MBR; empty without a table. */
  readonly type: string;
  /** GPT only, lower case. */
  readonly uuid?: string;
  readonly name?: string;
}

export interface FoundPartitions {
  readonly table: 'gpt' | 'mbr' | 'none';
  readonly partitions: readonly FoundPartition[];
}

/** Finds the partitions of a disk: by GUID partition table, by MBR with logical partitions, or none.
 * @see UEFI specification 2.10, chapter 5
 */
export async function readPartitions(read: ReadBytes, diskBytes: number): Promise<FoundPartitions> {
  const first = await read(0, 512);
  for (const sectorBytes of [512, 4096]) {
    const header = await read(sectorBytes, 92);
    if (header.toString('latin1', 0, 8) === 'EFI PART') {
      return {table: 'gpt', partitions: await gptPartitions(header, sectorBytes, read)};
    }
  }
  const whole = {table: 'none', partitions: [{number: 0, startBytes: 0, sizeBytes: diskBytes, type: ''}]} as const;
  // A boot sector of FAT ends with the same signature as a partition table.
  if (first.readUInt16LE(510) !== 0xaa55 || isFatBootSector(first)) return whole;
  const partitions = await mbrPartitions(first, read);
  return partitions.length === 0 ? whole : {table: 'mbr', partitions};
}

export function isFatBootSector(sector: Buffer): boolean {
  return /^FAT/.test(sector.toString('latin1', 54, 57)) || /^FAT32/.test(sector.toString('latin1', 82, 87));
}

async function gptPartitions(header: Buffer, sectorBytes: number, read: ReadBytes): Promise<FoundPartition[]> {
  const count = Math.min(header.readUInt32LE(80), 1024);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 4096) return [];
  const entries = await read(Number(header.readBigUInt64LE(72)) * sectorBytes, count * entryBytes);
  return Array.from({length: count}, (_, i) => entries.subarray(i * entryBytes, (i + 1) * entryBytes)).flatMap(
    (entry, i) => {
      const start = Number(entry.readBigUInt64LE(32));
      const end = Number(entry.readBigUInt64LE(40));
      if (entry.subarray(0, 16).every((byte) => byte === 0) || end < start) return [];
      return [
        {
          number: i + 1,
          startBytes: start * sectorBytes,
          sizeBytes: (end - start + 1) * sectorBytes,
          type: guidText(entry).toUpperCase(),
          uuid: guidText(entry.subarray(16)),
          name: entry.toString('utf16le', 56, 128).replace(/\0.*$/s, ''),
        },
      ];
    },
  );
}

/** A GUID's first three fields are little-endian, the rest is as it stands. */
function guidText(bytes: Buffer): string {
  const order = [3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15];
  return order.map((i) => (i < 0 ? '-' : bytes.readUInt8(i).toString(16).padStart(2, '0'))).join('');
}

const extendedTypes = new Set([0x05, 0x0f, 0x85]);

async function mbrPartitions(sector: Buffer, read: ReadBytes): Promise<FoundPartition[]> {
  const found: FoundPartition[] = [];
  for (const [i, entry] of mbrEntries(sector).entries()) {
    if (entry.type === 0 || entry.sectors === 0) continue;
    if (extendedTypes.has(entry.type)) found.push(...(await logicalPartitions(entry.start, read)));
    else found.push(partitionOf(i + 1, entry, 0));
  }
  return found;
}

/** A chain of tables: each has one logical partition, counted from itself, and the next table, counted from the first. */
async function logicalPartitions(extended: number, read: ReadBytes): Promise<FoundPartition[]> {
  const found: FoundPartition[] = [];
  let table = extended;
  for (let number = 5; number < 128; number++) {
    const [own, next] = mbrEntries(await read(table * 512, 512));
    if (own && own.type !== 0) found.push(partitionOf(number, own, table));
    if (!next || next.type === 0) break;
    table = extended + next.start;
  }
  return found;
}

interface MbrEntry {
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}

function mbrEntries(sector: Buffer): MbrEntry[] {
  if (sector.readUInt16LE(510) !== 0xaa55) return [];
  return [446, 462, 478, 494].map((at) => ({
    type: sector.readUInt8(at + 4),
    start: sector.readUInt32LE(at + 8),
    sectors: sector.readUInt32LE(at + 12),
  }));
}

function partitionOf(number: number, entry: MbrEntry, base: number): FoundPartition {
  return {
    number,
    startBytes: (base + entry.start) * 512,
    sizeBytes: entry.sectors * 512,
    type: entry.type.toString(16).padStart(2, '0'),
  };
}
