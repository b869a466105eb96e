import {
  DamagedFileSystem,
  type Ext4,
  type FoundPartition,
  type FoundPartitions,
  identifyFileSystem,
  openExt4,
  type ReadBytes,
  readPartitions,
} from '../disk/index.js';
import type {InspectedPartition} from '../inspection/index.js';

/** A partition with what can be read of it. */
export interface OpenPartition {
  readonly found: FoundPartition;
  readonly read: ReadBytes;
  readonly fileSystem?: InspectedPartition['fileSystem'];
  readonly ext4?: Ext4;
}

export interface OpenPartitions {
  readonly table: FoundPartitions['table'];
  readonly partitions: readonly OpenPartition[];
  /** What can't be seen, in words. */
  readonly notes: readonly string[];
}

/** The partitions of a disk with their file systems; a disk without a table is one partition. */
export async function openPartitions(read: ReadBytes, diskBytes: number): Promise<OpenPartitions> {
  const {table, partitions} = await readPartitions(read, diskBytes);
  const notes: string[] = [];
  const opened: OpenPartition[] = [];
  for (const written of partitions) {
    // Beyond the disk's end there's nothing to read, whatever its table says.
    const found = {...written, sizeBytes: Math.min(written.sizeBytes, diskBytes - written.startBytes)};
    if (found.sizeBytes <= 0) {
      notes.push(`${partitionName(found)} lies beyond the end of the disk`);
      continue;
    }
    const own: ReadBytes = (offset, length) => read(found.startBytes + offset, length);
    const fileSystem = await identifyFileSystem(own);
    const ext4 = fileSystem?.type === 'ext4' ? await openExt4(own, found.sizeBytes) : undefined;
    const where = partitionName(found);
    if (typeof ext4 === 'string') notes.push(`${where}: its file system can't be read: ${ext4}`);
    if (typeof ext4 === 'object' && ext4.needsRecovery) {
      notes.push(`${where}: its journal holds newer changes, which aren't seen: it was copied while in use`);
    }
    opened.push({found, read: own, ...(fileSystem ? {fileSystem} : {}), ...(typeof ext4 === 'object' ? {ext4} : {})});
  }
  return {table, partitions: opened, notes};
}

export function partitionName({number}: Pick<FoundPartition, 'number'>): string {
  return number === 0 ? 'the whole disk' : `partition ${number}`;
}

type ReadablePartition = OpenPartition & {readonly ext4: Ext4};

/** A root file system, and why it is taken for that. */
export interface ChosenRoot {
  readonly partition: ReadablePartition;
  readonly reason: string;
  /** File systems that couldn't be looked into, in words. */
  readonly notes: readonly string[];
}

const rootTypes = new Set(['4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE']);

/** The root file system: the one that has /etc/os-release; of several, or of none, that of GPT's root type, else the largest.
 * @returns undefined when none can be read.
 * @throws {DamagedFileSystem} when one is damaged that may be the root: no other has /etc/os-release.
 */
export async function findRoot(
  partitions: readonly OpenPartition[],
  signal: AbortSignal,
): Promise<ChosenRoot | undefined> {
  const readable = partitions.filter((partition): partition is ReadablePartition => partition.ext4 !== undefined);
  const systems: ReadablePartition[] = [];
  const damaged: {readonly found: FoundPartition; readonly error: DamagedFileSystem}[] = [];
  for (const partition of readable) {
    try {
      if (await partition.ext4.look('/etc/os-release', signal)) systems.push(partition);
    } catch (error) {
      if (!(error instanceof DamagedFileSystem)) throw error;
      damaged.push({found: partition.found, error});
    }
  }
  if (systems.length === 0 && damaged[0]) throw damaged[0].error;
  const notes = damaged.map(
    ({found, error}) => `${partitionName(found)}: its file system is damaged: ${error.message}`,
  );
  const candidates = systems.length > 0 ? systems : readable;
  const typed = candidates.find(({found}) => rootTypes.has(found.type));
  const [largest] = [...candidates].sort((a, b) => b.found.sizeBytes - a.found.sizeBytes);
  const chosen = typed ?? largest;
  if (!chosen) return undefined;
  const isOnly = candidates.length === 1;
  const by = systems.length > 0 ? 'it has /etc/os-release' : 'none has /etc/os-release';
  const among = isOnly ? '' : typed ? ", and GPT's root type" : ', and it is the largest';
  return {partition: chosen, reason: `${by}${among}`, notes};
}
