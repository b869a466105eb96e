import {chmod, mkdir, readdir, rename, rm, stat, utimes, writeFile} from 'node:fs/promises';
import {
  type Emit,
  HostError,
  lockFile,
  readFileIfThere,
  runOrThrow,
  type Sha256,
  storeError,
  systemErrorCode,
  UsageError,
  writeFileWhole,
} from '../base/index.js';
import {PackageFiles} from './package-files.js';
import {arePartsThere, type Parts, partsOf} from './parts.js';
import {unwritable} from './unwritable.js';
import {openWorkFolder, removeTree, sweepWorkFolders, type WorkFolder, workingSince} from './work-folder.js';

/** Kinds of results; each has a folder of its own. */
export const resultKinds = ['steps', 'roots', 'images', 'environments', 'indexes'] as const;
export type ResultKind = (typeof resultKinds)[number];

/** What a finished step, root or image left: a folder that never changes again, and facts about it. */
export interface StoredResult<Facts = Readonly<Record<string, unknown>>> {
  readonly key: Sha256;
  readonly folder: string;
  readonly facts: Facts;
}

/** Results by key, shared by all builds on this machine. A result is staged in a work folder and renamed into place, so
 * that a folder under its key is whole; its facts are written last, so that even a folder without them is no result. Nor is
 * one that has lost a part since. */
export class Store {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.packages = new PackageFiles(`${folder}/packages`);
  }

  /** Opens the store, making it when needed, and removes what killed builds left.
   * @throws {UsageError} `not-a-store` when the folder holds something else.
   * @throws {HostError} `no-access`, `disk-full`
   */
  static async open(folder: string, emit: Emit): Promise<Store> {
    try {
      await claimFolder(folder);
      for (const name of [...resultKinds, 'debs', 'packages', 'locks', 'generations', 'replaced']) {
        await mkdir(`${folder}/${name}`, {recursive: true});
      }
      for (const name of ['logs', 'builds']) await makePrivateFolder(`${folder}/${name}`);
      await sweepWorkFolders(folder, emit);
    } catch (error) {
      throw storeError(error, folder);
    }
    return new Store(folder);
  }

  /** Sees that results' files belong to the ids that sandboxes have, since others would own them wrongly.
   * @param first The first of these ids, outside of all namespaces of ours.
   * @throws {HostError} `other-ids` when the store was made with other ones, by another user for instance.
   */
  async claimIds(first: number): Promise<void> {
    const path = `${this.folder}/first-id`;
    const found = await readFileIfThere(path);
    if (found === undefined || !/^\d+\n$/.test(found)) await writeFileWhole(path, `${first}\n`);
    else if (Number(found) !== first) {
      throw new HostError('other-ids', {store: this.folder, found: Number(found), wanted: first});
    }
  }

  /** Packages and indexes downloaded by any build, by their digests. */
  readonly packages: PackageFiles;

  /** Packages downloaded for devclouds, by their file names. */
  get debs(): string {
    return `${this.folder}/debs`;
  }

  logFolder(build: string): string {
    return `${this.folder}/logs/${build}`;
  }

  /** Finding is using: the time of last use becomes now, and `store prune` spares what a running build has found. */
  async find<Facts>(kind: ResultKind, key: Sha256): Promise<StoredResult<Facts> | undefined> {
    const now = new Date();
    await utimes(`${this.folder}/${kind}/${key}/facts.json`, now, now).catch((error: unknown) => {
      const code = systemErrorCode(error) ?? '';
      if (code !== 'ENOENT' && !unwritable.has(code)) throw error;
    });
    return this.look<Facts>(kind, key);
  }

  /** Finds without using. */
  async look<Facts>(kind: ResultKind, key: Sha256): Promise<StoredResult<Facts> | undefined> {
    const folder = `${this.folder}/${kind}/${key}`;
    const written = await readWhole<Facts & OwnFacts>(`${folder}/facts.json`);
    if (written === undefined) return undefined;
    const {parts, on: _, ...facts} = written;
    if (parts && !(await arePartsThere(folder, parts))) return undefined;
    return {key, folder, facts: facts as Facts};
  }

  /** Makes a folder the result of a key. Another build's equal result stays when it was quicker.
   * @param staged Below a work folder of this store; gone afterwards.
   * @param on Keys of the results that it was made of, or on: it goes when they do.
   */
  async commit<Facts extends object>(
    kind: ResultKind,
    key: Sha256,
    staged: string,
    facts: Facts,
    on: readonly Sha256[] = [],
  ): Promise<StoredResult<Facts>> {
    const folder = `${this.folder}/${kind}/${key}`;
    try {
      await writeFile(`${staged}/facts.json`, JSON.stringify({...facts, on, parts: await partsOf(staged)}));
      // All files reach the disk before their key does, or a power cut could leave a result of empty files.
      await runOrThrow('writing a result to disk', ['sync', '--file-system', staged], {cwd: this.folder});
      await rename(staged, folder);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw storeError(error, this.folder);
      const earlier = await this.find<Facts>(kind, key);
      if (earlier) return earlier;
      await removeTree(folder);
      await rename(staged, folder);
    }
    return {key, folder, facts};
  }

  /** Keys whose results were made anew, each with the generation that stands for it now. */
  async generations(): Promise<ReadonlyMap<Sha256, string>> {
    const found = new Map<Sha256, string>();
    for (const key of keysAmong(await readdir(`${this.folder}/generations`))) {
      const now = await this.#readReplacement(key);
      if (now) found.set(key, now.generation);
    }
    return found;
  }

  #readReplacement(first: Sha256): Promise<Replacement | undefined> {
    return readWhole<Replacement>(`${this.folder}/generations/${first}`);
  }

  /** Has a new result stand for a key from now on. The one that did stays for those who use it; `dropReplaced` removes it.
   * @param key Of the new result, which is in the store.
   */
  async replace(first: Sha256, generation: string, key: Sha256): Promise<void> {
    await using _lock = await lockFile(`${this.folder}/locks/${first}`, {what: `result ${first}`});
    const before = (await this.#readReplacement(first))?.key ?? first;
    if (before === key) return;
    await writeFileWhole(
      `${this.folder}/generations/${first}`,
      JSON.stringify({generation, key} satisfies Replacement),
    );
    await writeFileWhole(`${this.folder}/replaced/${before}`, '');
  }

  /** Removes results that others stand for now, with all that was made on them, unless a build or boot is at work here.
   * @param needed Says which keys stay all the same; asked when there is something to remove.
   */
  async dropReplaced(needed: () => Promise<ReadonlySet<string>>): Promise<void> {
    const replaced = keysAmong(await readdir(`${this.folder}/replaced`));
    if (replaced.length === 0) return;
    const stays = await needed();
    await this.whenUnused(async () => {
      const places = await this.standingOn(replaced);
      await this.#removeAll(places.filter(({key}) => !stays.has(key)));
      const isLeft = async (key: Sha256) => (await this.look('steps', key)) !== undefined;
      for (const key of replaced) if (!(await isLeft(key))) await rm(`${this.folder}/replaced/${key}`, {force: true});
      for (const first of keysAmong(await readdir(`${this.folder}/generations`))) {
        const now = await this.#readReplacement(first);
        if (now && ((await isLeft(now.key)) || (await isLeft(first)))) continue;
        await rm(`${this.folder}/generations/${first}`, {force: true});
      }
    });
  }

  /** Removes results, which nobody may use, and all that was made of them. To be called by `whenUnused`. */
  async removeWithAllOn(keys: readonly Sha256[]): Promise<void> {
    await this.#removeAll(await this.standingOn(keys));
  }

  /** Does something while no build or boot is at work in the store; new ones wait.
   * @returns Whether it was done: not when one is at work.
   */
  async whenUnused(act: () => Promise<void>): Promise<boolean> {
    try {
      await using _lock = await lockFile(this.#useLock, {what: `the store "${this.folder}"`, wait: false});
      await act();
      return true;
    } catch (error) {
      if (error instanceof HostError && error.code === 'busy-lock') return false;
      throw error;
    }
  }

  get #useLock(): string {
    return `${this.folder}/locks/in-use`;
  }

  /** Results with all that was made of them, in any order. */
  async standingOn(keys: readonly Sha256[]): Promise<{readonly kind: ResultKind; readonly key: Sha256}[]> {
    const made: {kind: ResultKind; key: Sha256; on: readonly Sha256[]}[] = [];
    for (const kind of resultKinds) {
      for (const key of await this.keys(kind)) {
        const {on = []} = (await readWhole<OwnFacts>(`${this.folder}/${kind}/${key}/facts.json`)) ?? {};
        made.push({kind, key, on});
      }
    }
    const found = new Set(keys);
    for (let before = -1; before < found.size; ) {
      before = found.size;
      for (const {key, on} of made) if (on.some((below) => found.has(below))) found.add(key);
    }
    return made.filter(({key}) => found.has(key)).map(({kind, key}) => ({kind, key}));
  }

  async #removeAll(places: readonly {readonly kind: ResultKind; readonly key: Sha256}[]): Promise<void> {
    if (places.length === 0) return;
    await using work = await openWorkFolder(this.folder);
    for (const {kind, key} of places) await rename(`${this.folder}/${kind}/${key}`, `${work.path}/${kind}-${key}`);
  }

  /** Removes a result that nobody has used since a time; one in use, or being made anew, stays.
   * @returns Whether it is gone.
   */
  async removeUnused(kind: ResultKind, key: Sha256, since: Date): Promise<boolean> {
    const folder = `${this.folder}/${kind}/${key}`;
    try {
      await using _lock = await lockFile(`${this.folder}/locks/${key}`, {what: `result ${key}`, wait: false});
      await using work = await openWorkFolder(this.folder);
      await rename(folder, `${work.path}/removed`);
      // Whoever finds a result touches its facts first: found before the renaming, it is seen here; after it, it isn't found.
      if ((await lastUse(`${work.path}/removed`)) <= since) return true;
      await rename(`${work.path}/removed`, folder);
      return false;
    } catch (error) {
      if (error instanceof HostError && error.code === 'busy-lock') return false;
      if (systemErrorCode(error) === 'ENOENT') return true; // another prune was quicker
      throw error;
    }
  }

  /** When a result was last found; for one without facts, when its folder was changed. */
  lastUse(kind: ResultKind, key: Sha256): Promise<Date> {
    return lastUse(`${this.folder}/${kind}/${key}`);
  }

  /** The keys of a kind's folder, whole results or not. */
  async keys(kind: ResultKind): Promise<Sha256[]> {
    return keysAmong(await readdir(`${this.folder}/${kind}`));
  }

  /** Since when some build or boot is at work here; undefined when none is. */
  workingSince(): Promise<Date | undefined> {
    return workingSince(this.folder);
  }

  /** One builder per key at a time; others wait and then find the result. */
  lock(key: Sha256, what: string, signal: AbortSignal): Promise<AsyncDisposable> {
    return lockFile(`${this.folder}/locks/${key}`, {what, signal});
  }

  /** A folder for a build's own files, removed on every path. While it is there, the store is in use. */
  async openWork(): Promise<WorkFolder> {
    const use = await lockFile(this.#useLock, {what: `the store "${this.folder}"`, isShared: true});
    const work = await openWorkFolder(this.folder).catch(async (error: unknown) => {
      await use[Symbol.asyncDispose]();
      throw error;
    });
    return {
      ...work,
      async [Symbol.asyncDispose]() {
        await using _use = use;
        await work[Symbol.asyncDispose]();
      },
    };
  }

  /** What the last build of an image was made of; undefined before the first. */
  async readBuild<Build>(image: string): Promise<Build | undefined> {
    return readWhole<Build>(`${this.folder}/builds/${image}.json`);
  }

  async writeBuild(image: string, build: object): Promise<void> {
    await writeFileWhole(`${this.folder}/builds/${image}.json`, JSON.stringify(build));
  }
}

/** What the store itself notes of a result. */
interface OwnFacts {
  readonly parts?: Parts;
  readonly on?: readonly Sha256[];
}

/** What stands for a key. */
interface Replacement {
  readonly generation: string;
  readonly key: Sha256;
}

function keysAmong(names: readonly string[]): Sha256[] {
  return names.filter((name): name is Sha256 => /^[0-9a-f]{64}$/.test(name)).sort();
}

const markerName = '.trovestack-store';

/** What may lie in a store's folder before it is opened first: Node, fetched by the bootstrap; locks; kept proofs. */
const earlyNames = new Set(['node', 'locks', 'proofs', 'lost+found']);

/** Makes the folder, or sees that it is a store or may become one: what lies in a store is ours to remove. */
async function claimFolder(folder: string): Promise<void> {
  if ((await mkdir(folder, {recursive: true})) !== undefined) await chmod(folder, 0o755);
  const names = new Set(await readdir(folder));
  if (!names.has(markerName)) {
    const isOlderStore = ['steps', 'roots', 'locks'].every((name) => names.has(name));
    if (!isOlderStore && [...names].some((name) => !earlyNames.has(name)))
      throw new UsageError('not-a-store', {folder});
    await writeFile(`${folder}/${markerName}`, 'Results of trovestack builds; all of it can be built again.\n');
  }
  const {mode} = await stat(folder);
  if ((mode & 0o001) === 0) await chmod(folder, (mode & 0o7777) | 0o001); // sandboxes pass it with ids that own nothing here
}

/** What hooks print and were configured with may be secret. */
async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  await chmod(folder, 0o700);
}

async function lastUse(folder: string): Promise<Date> {
  try {
    return (await stat(`${folder}/facts.json`)).mtime;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return (await stat(folder)).mtime;
  }
}

/** A JSON file of ours; one that was torn, by a full disk or a power cut, is as good as none. */
async function readWhole<T>(path: string): Promise<T | undefined> {
  const text = await readFileIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export {storeError} from '../base/index.js';
