import type {Stats} from 'node:fs';
import {readdir, stat} from 'node:fs/promises';
import {describeEnd, HostError, lastLines, run, systemErrorCode, type World} from '../base/index.js';
import {listInstances} from '../devcloud/index.js';
import type {Lock} from '../lock/index.js';
import {
  type KeptResult,
  type Prunable,
  type ResultKind,
  readInventorySummary,
  resultKinds,
  type Store,
} from '../store/index.js';
import {type ImageRecord, keysOfLatest, readImageRecords} from './image-record.js';
import {readLastLock} from './lock-file.js';

/** One thing in the store. */
export interface StoreItem extends Prunable {
  readonly kind: ResultKind | 'debs' | 'packages' | 'listings';
  readonly folder: string;
  /** In words: the image's name, the step's, the package's file. */
  readonly what: string;
}

/** What lies in a store, with what is needed by whom. */
export interface StoreContent {
  readonly items: readonly StoreItem[];
  /** Folders that nothing is pruned from: logs, records, the fetched Node, findings. */
  readonly others: readonly {readonly name: string; readonly sizeBytes: number}[];
  readonly records: readonly ImageRecord[];
}

const toolsAgeMs = 7 * 86_400_000;

/** Reads what is in the store. Sizes are those of the files' content. Commands at work may add and remove: what goes while this
 * looks is left out. */
export async function readStore(store: Store, world: World): Promise<StoreContent> {
  const records = await readImageRecords(store);
  const needs = await readNeeds(records, store, world);
  const items: StoreItem[] = [];
  for (const result of await store.results()) {
    const item = await resultItem(result, needs, records, store, world);
    if (item) items.push(item);
  }
  for (const kind of ['debs', 'packages', 'listings'] as const) items.push(...(await fileItems(kind, store, needs)));
  return {items, others: await otherFolders(store, world), records};
}

/** What must stay. */
interface Needs {
  /** Keys of results, and digests of package files → what they are needed for. */
  readonly keys: ReadonlyMap<string, string>;
  /** Everything that was used since then may be in use now. */
  readonly since: Date;
}

async function readNeeds(records: readonly ImageRecord[], store: Store, world: World): Promise<Needs> {
  const keys = new Map<string, string>();
  for (const [key, image] of keysOfLatest(records)) keys.set(key, `the latest build of ${image}`);
  for (const image of new Set(records.map((record) => record.image))) {
    const lock = await readLastLock(image, store);
    for (const digest of lock ? filesOf(lock) : []) keys.set(digest, `the lock of the latest build of ${image}`);
  }
  for (const [key, devcloud] of await layersOfDevclouds(world)) keys.set(key, devcloud);
  // A build that begins while the store is read marks what it takes with a later time than this.
  const now = new Date();
  return {keys, since: (await store.workingSince()) ?? now};
}

/** Keys of the results that devclouds stand on → which one, in words. */
export async function layersOfDevclouds(world: World): Promise<ReadonlyMap<string, string>> {
  const instances = await listInstances(world.paths);
  return new Map(
    instances.flatMap(({name, layers}) =>
      layers.map((layer): [string, string] => [layer.split('/').at(-2) ?? '', `devcloud "${name}"`]),
    ),
  );
}

/** When a file of the store that is no result was used last; the beginning of time when it is gone. */
export async function lastUseOfFile(path: string): Promise<Date> {
  const stats = await unlessGone(stat(path));
  return stats ? lastUseIn(stats) : new Date(0);
}

async function unlessGone<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function lastUseIn({atimeMs, birthtimeMs}: Stats): Date {
  return new Date(Math.max(atimeMs, birthtimeMs));
}

/** What a build from a lock takes: states of the archive, packages, and sources that are files. */
function filesOf({archive, packages, sources = [], tools}: Lock): string[] {
  const states = [...archive.suites, ...tools.archive.suites];
  const files = sources.flatMap(({type, pin}) => (type === 'git' ? [] : [pin]));
  return [...[...states, ...packages, ...tools.packages].map(({sha256}) => sha256), ...files];
}

/** @returns Undefined when it has gone. */
async function resultItem(
  {kind, key, instance, on}: KeptResult,
  {keys, since}: Needs,
  records: readonly ImageRecord[],
  store: Store,
  world: World,
): Promise<StoreItem | undefined> {
  const folder = `${store.folder}/${kind}/${key}`;
  const lastUsedAt = await store.lastUse(kind, key);
  if (!lastUsedAt) return undefined;
  const facts = (await store.look<{readonly step?: string; readonly packages?: string}>(kind, key))?.facts;
  const isTools = kind === 'roots' && facts?.packages !== undefined;
  const what = isTools
    ? 'tools root'
    : kind === 'indexes'
      ? 'package indexes'
      : (facts?.step ?? records.find((record) => record.key === key)?.image ?? 'unknown');
  const isInUse = lastUsedAt >= since;
  const isFresh = isTools && Date.now() - lastUsedAt.getTime() < toolsAgeMs;
  const neededBy = isInUse
    ? 'a command that is running'
    : (keys.get(key) ?? (isFresh ? 'builds of this week' : undefined));
  const summary = await readInventorySummary(folder);
  return {
    kind,
    name: key,
    instance,
    on,
    folder,
    what,
    sizeBytes: summary?.sizeBytes ?? (await sizeOf(folder, world)),
    lastUsedAt,
    ...(neededBy === undefined ? {} : {neededBy}),
  };
}

/** Nothing for what is gone. */
async function sizeOf(folder: string, {env, signal}: World): Promise<number> {
  const argv = ['du', '--summarize', '--bytes', folder];
  const outcome = await run(argv, {signal, env: {...env, LC_ALL: 'C'}});
  const isGoing = (line: string) => line.endsWith(': No such file or directory');
  if (outcome.exitCode !== 0 && !outcome.stderr.trim().split('\n').every(isGoing)) {
    const output = lastLines(outcome.stderr, 5);
    throw new HostError('command-failed', {
      doing: 'measuring the store',
      command: 'du',
      outcome: describeEnd(outcome),
      output,
    });
  }
  return Number(outcome.stdout.split('\t')[0] ?? 0);
}

/** Files are used when they are read, as exactly as the disk notes it (relatime: to the day); packages also when a build asks
 * whether they are there. */
async function fileItems(
  kind: 'debs' | 'packages' | 'listings',
  store: Store,
  {keys, since}: Needs,
): Promise<StoreItem[]> {
  const folder = `${store.folder}/${kind}`;
  const names = (await unlessGone(readdir(folder))) ?? [];
  const items: StoreItem[] = [];
  for (const name of names) {
    const stats = await unlessGone(stat(`${folder}/${name}`));
    if (!stats?.isFile()) continue;
    const lastUsedAt = lastUseIn(stats);
    const isInUse = stats.ctime >= since;
    const [digest = ''] = name.split('.'); // values made from a package file lie beside it
    const neededBy = isInUse ? 'a command that is running' : keys.get(digest);
    const needed = neededBy === undefined ? {} : {neededBy};
    items.push({kind, name, folder: `${folder}/${name}`, what: name, sizeBytes: stats.size, lastUsedAt, ...needed});
  }
  return items;
}

async function otherFolders(store: Store, world: World): Promise<StoreContent['others']> {
  const small = ['work', 'locks', 'generations', 'replaced'];
  const known = new Set<string>([...resultKinds, 'debs', 'packages', 'listings', ...small]);
  const names = (await readdir(store.folder, {withFileTypes: true}))
    .filter((entry) => entry.isDirectory() && !known.has(entry.name))
    .map(({name}) => name)
    .sort();
  return Promise.all(names.map(async (name) => ({name, sizeBytes: await sizeOf(`${store.folder}/${name}`, world)})));
}
