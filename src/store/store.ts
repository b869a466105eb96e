import {randomUUID} from 'node:crypto';
import {chmod, mkdir, readdir, rename, rm, stat, utimes, writeFile} from 'node:fs/promises';
import {
  type Emit,
  HostError,
  lockFile,
  readFileIfThere,
  runOrThrow,
  type Sha256,
  sha256,
  storeError,
  systemErrorCode,
  UsageError,
  writeFileWhole,
} from '../base/index.js';
import {Generations, type Replaces} from './generations.js';
import {lockIfFree} from './lock-if-free.js';
import {PackageFiles} from './package-files.js';
import {arePartsThere, type Parts, partsOf} from './parts.js';
import {keysAmong, readWhole} from './records.js';
import {type KeptResult, type ResultKind, resultKinds, withAllOn} from './standing.js';
import {unwritable} from './unwritable.js';
import {openWorkFolder, removeTree, sweepWorkFolders, type WorkFolder, workingSince} from './work-folder.js';

/** What a finished step, root or image left: a folder that never changes again, and facts about it. */
export interface StoredResult<Facts = Readonly<Record<string, unknown>>> {
  readonly key: Sha256;
  /** Told from every other result, also from those that were under its key before it. */
  readonly instance: string;
  /** Instances of the results that it was made of, or on. */
  readonly on: readonly string[];
  readonly folder: string;
  readonly facts: Facts;
}

/** What a new result is made of, and for. */
export interface Making {
  /** Instances of the results that it is made of, or on: it goes when they do. */
  readonly on?: readonly string[];
  /** It is made anew. */
  readonly replaces?: Replaces | undefined;
}

/** Results by key, shared by all builds on this machine. A result is staged in a work folder and renamed into place, so
 * that a folder under its key is whole; its facts are written last, so that even a folder without them is no result. Nor is
 * one that has lost a part since. */
export class Store {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.packages = new PackageFiles(`${folder}/packages`);
    this.#generations = new Generations(folder);
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

  readonly #generations: Generations;

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
    const written = await readWhole<Facts & Partial<OwnFacts>>(`${folder}/facts.json`);
    if (written === undefined) return undefined;
    const {parts, instance, on, ...facts} = written;
    if (parts && !(await arePartsThere(folder, parts))) return undefined;
    return {...ownFacts(key, {instance, on}), key, folder, facts: facts as Facts};
  }

  /** Whether something lies under a key: a result, or one that has lost a part. */
  async has(kind: ResultKind, key: Sha256): Promise<boolean> {
    return (await ifThere(stat(`${this.folder}/${kind}/${key}`))) !== undefined;
  }

  /** Makes a folder the result of a key. Another build's equal result stays when it was quicker.
   * @param staged Below a work folder of this store; gone afterwards.
   */
  async commit<Facts extends object>(
    kind: ResultKind,
    key: Sha256,
    staged: string,
    facts: Facts,
    {on = [], replaces}: Making = {},
  ): Promise<StoredResult<Facts>> {
    if (replaces) await this.#generations.announce(replaces, key);
    const result = await this.#put(kind, key, staged, facts, on);
    if (replaces) await this.#generations.stand(replaces, key);
    return result;
  }

  async #put<Facts extends object>(
    kind: ResultKind,
    key: Sha256,
    staged: string,
    facts: Facts,
    on: readonly string[],
  ): Promise<StoredResult<Facts>> {
    const folder = `${this.folder}/${kind}/${key}`;
    const own = {instance: randomUUID(), on} satisfies OwnFacts;
    try {
      await writeFile(`${staged}/facts.json`, JSON.stringify({...facts, ...own, parts: await partsOf(staged)}));
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
    return {...own, key, folder, facts};
  }

  /** Keys whose results were made anew, each with the generation that stands for it now. */
  generations(): Promise<ReadonlyMap<Sha256, string>> {
    return this.#generations.read();
  }

  /** All results, whole or not. */
  async results(): Promise<KeptResult[]> {
    const found: KeptResult[] = [];
    for (const kind of resultKinds) {
      for (const key of await this.keys(kind)) {
        const written = await readWhole<Partial<OwnFacts>>(`${this.folder}/${kind}/${key}/facts.json`);
        found.push({kind, key, ...ownFacts(key, written ?? {})});
      }
    }
    return found;
  }

  /** Takes results that others stand for now out of the store, with all that was made on them, unless a build or boot is at work
   * here.
   * @param needed Says which keys stay all the same; asked when there may be something to remove.
   * @returns What deletes them when it is disposed; undefined when there is nothing to.
   * @throws {HostError} `no-access`, `disk-full`
   */
  async takeOutReplaced(needed: () => Promise<ReadonlySet<string>>): Promise<AsyncDisposable | undefined> {
    try {
      if ((await this.#generations.marked()).length === 0) return undefined;
      if ((await readFileIfThere(this.#lookedFile)) === (await this.#stateOfReplaced())) return undefined;
      return await this.#takeOutMarked(needed);
    } catch (error) {
      throw storeError(error, this.folder);
    }
  }

  async #takeOutMarked(needed: () => Promise<ReadonlySet<string>>): Promise<AsyncDisposable | undefined> {
    await using alone = await this.useAlone();
    if (!alone) return undefined;
    const stays = await needed();
    const all = await this.results();
    const replaced = new Set(await this.#generations.replaced());
    const instances = new Set(all.map(({instance}) => instance));
    // Also what stands on results that are gone, or whose facts were damaged: nothing leads to it any more.
    const lowest = all.filter(({key, on}) => replaced.has(key) || on.some((below) => !instances.has(below)));
    const going = withAllOn(lowest, all).filter(({key}) => !stays.has(key));
    const removed = going.length === 0 ? undefined : await this.takeOut(going);
    try {
      await this.#tidyGenerations();
      await writeFileWhole(this.#lookedFile, await this.#stateOfReplaced());
      return removed;
    } catch (error) {
      await removed?.[Symbol.asyncDispose](); // on a full disk this is what makes room
      throw error;
    }
  }

  /** Says that what the marks of now lead to was seen, and stays for what builds were made of: until one of these changes,
   * nobody need look again. */
  get #lookedFile(): string {
    return `${this.folder}/replaced/looked`;
  }

  async #stateOfReplaced(): Promise<string> {
    const {mtimeMs} = await stat(`${this.folder}/builds`);
    return sha256([mtimeMs, ...(await this.#generations.marked())].join());
  }

  async #tidyGenerations(): Promise<void> {
    const left = new Set<string>();
    for (const kind of ['steps', 'images'] as const) for (const key of await this.keys(kind)) left.add(key);
    await this.#generations.tidy((key) => left.has(key));
  }

  /** Removes small files that nothing needs any more, unless a build or boot is at work here. */
  async tidy(): Promise<void> {
    await using alone = await this.useAlone();
    if (!alone) return;
    await this.#tidyGenerations();
    // Who takes these is a build or boot, or a prune, which looks at the time of the last use beside.
    for (const key of keysAmong(await readdir(`${this.folder}/locks`))) {
      await rm(`${this.folder}/locks/${key}`, {force: true});
    }
  }

  /** Has the store alone until disposed: new builds and boots wait. Undefined while one is at work. */
  useAlone(): Promise<AsyncDisposable | undefined> {
    return lockIfFree(this.#useLock, `the store "${this.folder}"`);
  }

  get #useLock(): string {
    return `${this.folder}/locks/in-use`;
  }

  /** Takes results out of the store, in their order; disposing what is returned deletes them, which may take long. To be called
   * by who has the store alone. */
  async takeOut(results: readonly Pick<KeptResult, 'kind' | 'key'>[]): Promise<AsyncDisposable> {
    const work = await openWorkFolder(this.folder);
    try {
      for (const {kind, key} of results) {
        await ifThere(rename(`${this.folder}/${kind}/${key}`, `${work.path}/${kind}-${key}`)); // or a prune was quicker
      }
      return work;
    } catch (error) {
      await work[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes a result that nobody has used since a time; one in use, or being made anew, stays.
   * @returns Whether it is gone.
   */
  async removeUnused(kind: ResultKind, key: Sha256, since: Date): Promise<boolean> {
    const folder = `${this.folder}/${kind}/${key}`;
    await using lock = await lockIfFree(`${this.folder}/locks/${key}`, `result ${key}`);
    if (!lock) return false;
    await using work = await openWorkFolder(this.folder);
    const moved = await ifThere(rename(folder, `${work.path}/removed`).then(() => true));
    if (!moved) return true; // another prune was quicker
    // Whoever finds a result touches its facts first: found before the renaming, it is seen here; after it, it isn't found.
    if ((await lastUse(`${work.path}/removed`)) <= since) return true;
    await rename(`${work.path}/removed`, folder);
    return false;
  }

  /** When a result was last found; for one without facts, when its folder was changed; undefined when it is gone. */
  lastUse(kind: ResultKind, key: Sha256): Promise<Date | undefined> {
    return ifThere(lastUse(`${this.folder}/${kind}/${key}`));
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
  async openWork(signal?: AbortSignal): Promise<WorkFolder> {
    const what = `the store "${this.folder}"`;
    const use = await lockFile(this.#useLock, {what, isShared: true, ...(signal ? {signal} : {})});
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
  readonly instance: string;
  readonly on: readonly string[];
  readonly parts?: Parts;
}

/** Results of before they had instances noted the keys that they were made on: those keys are their instances. */
function ownFacts(key: Sha256, {instance = key, on = []}: Partial<OwnFacts>): Pick<OwnFacts, 'instance' | 'on'> {
  return {instance, on};
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

/** The outcome of an act on something that may be gone. */
async function ifThere<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export {storeError} from '../base/index.js';
