import {createHash} from 'node:crypto';
import {mkdir, readFile} from 'node:fs/promises';
import {promisify} from 'node:util';
import {gunzip, gzip} from 'node:zlib';
import {
  readFileIfThere,
  type Sha256,
  StepError,
  sha256OfFile,
  systemErrorCode,
  UsageError,
  type World,
  writeFileWhole,
} from '../base/index.js';
import {DamagedFileSystem, type DiskFile, type FoundPartition, openRawDisk, type ReadBytes} from '../disk/index.js';
import {
  type ImageContent,
  type InspectedPartition,
  isTextWanted,
  orderListing,
  type TreeEntry,
} from '../inspection/index.js';
import {findRoot, type OpenPartition, openPartitions, partitionName} from './find-root.js';
import {type ImageTools, inTime, openImageTools, type ReadingLimits} from './image-tools.js';
import type {Workshop} from './workshop.js';

/** An image file's content, with the file's own digest. */
export interface ReadImage {
  readonly file: string;
  readonly sha256: Sha256;
  /** Of the raw disk in it. */
  readonly diskSha256: Sha256;
  readonly content: ImageContent;
}

/** Reads all that a disk image holds without mounting it: partitions, every path with the digest of its content, the texts that
 * decide how the system behaves. The store keeps the result by the image's digest.
 * @param opened Tools of this image, where the caller has them open already.
 * @throws {StepError} `image-unsound` when it is damaged; `image-over-limit` when it would take too much to read it.
 * @throws {UsageError} `not-a-disk-image` when it has no root file system that can be read here (ext2, ext3, ext4).
 */
export async function readImage(
  disk: DiskFile,
  workshop: Workshop,
  world: World,
  opened?: ImageTools,
): Promise<ReadImage> {
  const sha256 = await sha256OfFile(disk.path, world.signal);
  const image = {file: disk.path, sha256};
  const isRaw = disk.format === 'raw';
  const knownDisk = isRaw ? sha256 : ((await readFileIfThere(diskFile(sha256, workshop))) as Sha256 | undefined);
  const known = knownDisk && (await readKept(keptFile(knownDisk, workshop)));
  if (knownDisk && known) return {...image, diskSha256: knownDisk, content: known};
  const startedAt = performance.now();
  const tools = opened ?? (await openImageTools(disk, workshop, world));
  const raw = await tools.raw();
  const {content, diskSha256} = await withinTime(disk, tools.limits, world, async (signal) => ({
    content: await readRawDisk(raw.path, disk, signal),
    diskSha256: isRaw ? sha256 : await sha256OfFile(raw.path, signal),
  }));
  const text = Buffer.from(JSON.stringify(content));
  await mkdir(`${workshop.store.folder}/listings`, {recursive: true, mode: 0o700}); // texts in it may be secret
  await writeFileWhole(keptFile(diskSha256, workshop), await compress(text, {level: 3}), 0o600);
  if (!isRaw) await keepDiskOf(sha256, diskSha256, workshop);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  world.emit({type: 'note', text: `read ${disk.path}: ${content.listing.length} paths in ${seconds} s`});
  return {...image, diskSha256, content};
}

/** Keeps which disk an image file holds, so that what is known of the one is known of the other. */
export async function keepDiskOf(sha256: Sha256, diskSha256: Sha256, workshop: Workshop): Promise<void> {
  await writeFileWhole(diskFile(sha256, workshop), diskSha256, 0o600);
}

const compress = promisify<Buffer, {level: number}, Buffer>(gzip);
const expand = promisify<Buffer, Buffer>(gunzip);

/** Raised when an inspection comes to hold other things. */
const form = 4;

/** By the digest of the raw disk. */
function keptFile(diskSha256: Sha256, {store}: Workshop): string {
  return `${store.folder}/listings/${diskSha256}.${form}.json.gz`;
}

/** By the digest of the image file. */
function diskFile(sha256: Sha256, {store}: Workshop): string {
  return `${store.folder}/listings/${sha256}.disk`;
}

async function readKept(path: string): Promise<ImageContent | undefined> {
  try {
    return JSON.parse((await expand(await readFile(path))).toString('utf8')) as ImageContent;
  } catch (error) {
    // What a power cut left torn is as good as none.
    const isTorn =
      error instanceof SyntaxError || ['Z_BUF_ERROR', 'Z_DATA_ERROR'].includes(systemErrorCode(error) ?? '');
    if (isTorn || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function withinTime<T>(
  {path}: DiskFile,
  {timeMs}: ReadingLimits,
  world: World,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeUp = AbortSignal.timeout(timeMs);
  try {
    return await read(AbortSignal.any([world.signal, timeUp]));
  } catch (error) {
    if (!timeUp.aborted || world.signal.aborted) throw error;
    throw new StepError('image-over-limit', {file: path, doing: 'reading the files', limit: inTime(timeMs)});
  }
}

/** A program for BIOS is not all zeros, and its sector ends in the mark 55 AA. */
function isBootSector(sector: Uint8Array): boolean {
  return sector[510] === 0x55 && sector[511] === 0xaa && sector.subarray(0, 440).some((byte) => byte !== 0);
}

async function readRawDisk(raw: string, disk: DiskFile, signal: AbortSignal): Promise<ImageContent> {
  await using open = await openRawDisk(raw);
  const {table, partitions: opened, notes: unseen} = await openPartitions(open.read, disk.virtualSizeBytes);
  const notes = [...unseen];
  const root = await findRoot(opened, signal).catch((error: unknown) => {
    throw damage(error, disk, 'file systems');
  });
  if (!root) throw noRoot(disk, opened);
  const {partition, reason} = root;
  notes.push(...root.notes);
  // GPT says which partition is the root; elsewhere the choice is told.
  if (table !== 'gpt') notes.push(`${partitionName(partition.found)} is taken for the root file system: ${reason}`);
  const trees = await readTrees(partition, opened, disk, notes, signal);
  return {
    form,
    virtualSizeBytes: disk.virtualSizeBytes,
    table,
    hasBootCode: isBootSector(await open.read(0, 512)),
    partitions: await Promise.all(
      opened.map((partition) => describePartition(partition, trees.mountPoints, open.read, signal)),
    ),
    listing: orderListing(trees.entries),
    texts: Object.fromEntries([...trees.texts].sort(([a], [b]) => (a < b ? -1 : 1))),
    notes,
  };
}

function noRoot({path}: DiskFile, partitions: readonly OpenPartition[]): UsageError {
  const held = partitions.map(({found, fileSystem}) => `${partitionName(found)}: ${fileSystem?.type ?? 'unknown'}`);
  const problem = `it has no ext2, ext3 or ext4 root file system, which alone can be read (${held.join(', ')})`;
  return new UsageError('not-a-disk-image', {path, problem});
}

function damage(error: unknown, {path}: DiskFile, check: string): unknown {
  if (!(error instanceof DamagedFileSystem)) return error;
  return new StepError('image-unsound', {file: path, check, detail: error.message});
}

interface Trees {
  readonly entries: TreeEntry[];
  readonly texts: Map<string, string>;
  readonly mountPoints: ReadonlyMap<OpenPartition, string>;
}

/** The root's tree with those that its fstab mounts, each at its place. */
async function readTrees(
  root: OpenPartition,
  partitions: readonly OpenPartition[],
  disk: DiskFile,
  notes: string[],
  signal: AbortSignal,
): Promise<Trees> {
  const entries: TreeEntry[] = [];
  const texts = new Map<string, string>();
  const add = async (partition: OpenPartition, at: string) => {
    const prefix = at === '/' ? '' : at;
    const tree = await partition.ext4
      ?.list((path, size) => isTextWanted(prefix + path, size), signal)
      .catch((error: unknown) => {
        throw damage(error, disk, `files of ${at}`);
      });
    if (!tree) return;
    for (const entry of tree.entries) {
      const path = entry.path === '/' ? at : prefix + entry.path;
      const linked = entry.hardLinkOf === undefined ? {} : {hardLinkOf: prefix + entry.hardLinkOf};
      entries.push({...entry, path, ...linked});
    }
    for (const [path, bytes] of tree.contents) if (!bytes.includes(0)) texts.set(prefix + path, bytes.toString('utf8'));
  };
  await add(root, '/');
  const mountPoints = new Map([[root, '/']]);
  for (const {source, at} of mountsIn(texts.get('/etc/fstab') ?? '')) {
    const partition = partitions.find((candidate) => candidate !== root && isNamed(candidate, source));
    if (!partition || mountPoints.has(partition)) continue;
    mountPoints.set(partition, at);
    if (!partition.ext4) continue;
    if (entries.some(({path}) => path.startsWith(`${at}/`)))
      notes.push(`${at}: files below the mounted file system are left out`);
    const visible = entries.filter(({path}) => path !== at && !path.startsWith(`${at}/`));
    entries.splice(0, entries.length, ...visible);
    await add(partition, at);
  }
  return {entries, texts, mountPoints};
}

function mountsIn(fstab: string): {readonly source: string; readonly at: string}[] {
  return fstab.split('\n').flatMap((line) => {
    const [source = '', at = ''] = line.trim().split(/\s+/);
    return source.startsWith('#') || !at.startsWith('/') || at === '/' ? [] : [{source, at: at.replace(/\/+$/, '')}];
  });
}

/** Whether an fstab's first field means a partition. */
function isNamed({found, fileSystem}: OpenPartition, source: string): boolean {
  const [, kind, name = ''] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(source.replaceAll('"', '')) ?? [];
  const names = {UUID: fileSystem?.uuid, LABEL: fileSystem?.label, PARTUUID: found.uuid, PARTLABEL: found.name};
  const own = kind === undefined ? undefined : names[kind as keyof typeof names];
  return own !== undefined && own !== '' && own.toLowerCase() === name.toLowerCase();
}

const digestedBytes = 512 * 2 ** 20;

async function describePartition(
  partition: OpenPartition,
  mountPoints: ReadonlyMap<OpenPartition, string>,
  read: ReadBytes,
  signal: AbortSignal,
): Promise<InspectedPartition> {
  const {found, fileSystem, ext4} = partition;
  const mountPoint = mountPoints.get(partition);
  const isListed = ext4 !== undefined && mountPoint !== undefined;
  return {
    ...found,
    ...(fileSystem ? {fileSystem} : {}),
    ...(mountPoint === undefined ? {} : {mountPoint}),
    ...(isListed || found.sizeBytes > digestedBytes ? {} : {sha256: await digestOf(found, read, signal)}),
  };
}

async function digestOf({startBytes, sizeBytes}: FoundPartition, read: ReadBytes, signal: AbortSignal) {
  const hash = createHash('sha256');
  const piece = 4 * 2 ** 20;
  for (let done = 0; done < sizeBytes; done += piece) {
    signal.throwIfAborted();
    hash.update(await read(startBytes + done, Math.min(piece, sizeBytes - done)));
  }
  return hash.digest('hex');
}
