/** What a qcow2 file says of itself.
 * @see docs/interop/qcow2.rst in QEMU's tree
 */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly virtualSizeBytes: number;
  readonly clusterBits: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
}

/** Reads at most `length` bytes at `offset`; fewer at the end of the file, none beyond it. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/** QEMU opens nothing beyond it (QCOW_MAX_L1_SIZE). */
const maximalL1Bytes = 32 * 2 ** 20;

/** Parses the first bytes of a file. Pure.
 * @returns undefined when it is no qcow2 at all, a text when it is one that can't be used alone.
 */
export function parseQcow2Header(start: Buffer): Qcow2Header | string | undefined {
  if (start.length < 4 || start.readUInt32BE(0) !== 0x514649fb) return undefined;
  if (start.length < 104) return 'it was cut short within its qcow2 header';
  const version = start.readUInt32BE(4);
  if (version !== 2 && version !== 3) return `it is qcow2 of the unknown version ${version}`;
  if (start.readBigUInt64BE(8) !== 0n) return 'it needs another file (a backing file) beside it';
  const incompatible = version === 3 ? start.readBigUInt64BE(72) : 0n;
  if (incompatible & 0b10n) return 'it is marked as corrupt';
  if (incompatible & 0b100n) return 'it needs another file (an external data file) beside it';
  const clusterBits = start.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) return `its header is damaged: clusters of 2^${clusterBits} bytes`;
  const l1Entries = start.readUInt32BE(36);
  if (l1Entries * 8 > maximalL1Bytes) return `its header is damaged: a table of ${l1Entries} entries`;
  return {
    version,
    virtualSizeBytes: Number(start.readBigUInt64BE(24)),
    clusterBits,
    l1Entries,
    l1Offset: Number(start.readBigUInt64BE(40)),
    refcountTableOffset: Number(start.readBigUInt64BE(48)),
    refcountTableClusters: start.readUInt32BE(56),
  };
}

/** How long the file has to be for all that its tables point to. Beyond a table that is missing itself nothing is known. */
export async function lastByteNeeded(header: Qcow2Header, readAt: ReadAt): Promise<number> {
  const clusterSize = 2 ** header.clusterBits;
  const l1Length = header.l1Entries * 8;
  let needed = Math.max(
    header.l1Offset + l1Length,
    header.refcountTableOffset + header.refcountTableClusters * clusterSize,
  );
  const l1 = await readAt(header.l1Offset, l1Length);
  for (let index = 0; index + 8 <= l1.length; index += 8) {
    const offset = Number(l1.readBigUInt64BE(index) & offsetMask);
    if (offset === 0) continue;
    needed = Math.max(
      needed,
      offset + clusterSize,
      lastClusterEnd(await readAt(offset, clusterSize), header.clusterBits),
    );
  }
  return needed;
}

const offsetMask = 0x00fffffffffffe00n;
const compressedFlag = 1n << 62n;

/** Where the last cluster ends that a level 2 table points to. */
function lastClusterEnd(table: Buffer, clusterBits: number): number {
  const sectorShift = BigInt(62 - (clusterBits - 8));
  let last = 0;
  for (let index = 0; index + 8 <= table.length; index += 8) {
    const entry = table.readBigUInt64BE(index);
    last = Math.max(last, entry & compressedFlag ? compressedEnd(entry, sectorShift) : plainEnd(entry, clusterBits));
  }
  return last;
}

function compressedEnd(entry: bigint, sectorShift: bigint): number {
  const offset = entry & ((1n << sectorShift) - 1n);
  const moreSectors = (entry & (compressedFlag - 1n)) >> sectorShift;
  return Number((offset & ~511n) + (moreSectors + 1n) * 512n);
}

function plainEnd(entry: bigint, clusterBits: number): number {
  const offset = Number(entry & offsetMask);
  return offset === 0 ? 0 : offset + 2 ** clusterBits;
}
