import {randomBytes} from 'node:crypto';
import {access, mkdir, readdir, rm, stat} from 'node:fs/promises';
import {setTimeout} from 'node:timers/promises';
import {type Emit, HostError, lockFile, runOrThrow, systemErrorCode} from '../base/index.js';
import {lockIfFree} from './lock-if-free.js';

/** A folder below `<store>/work` that is removed when disposed, or by the next build when its owner was killed. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
  /** A new empty folder within. */
  newFolder(): Promise<string>;
}

export async function openWorkFolder(store: string): Promise<WorkFolder> {
  const name = randomBytes(6).toString('hex');
  const path = `${store}/work/${name}`;
  const lock = await lockFile(lockOf(store, name), {what: `the work folder "${path}"`});
  // Who looks for builds at work may have had the lock first, and taken it for one that was left.
  if (!(await isThere(lockOf(store, name)))) {
    await lock[Symbol.asyncDispose]();
    return await openWorkFolder(store);
  }
  await mkdir(path, {recursive: true});
  let count = 0;
  return {
    path,
    async newFolder() {
      const folder = `${path}/${count++}`;
      await mkdir(folder);
      return folder;
    },
    async [Symbol.asyncDispose]() {
      await removeTree(path);
      await lock[Symbol.asyncDispose]();
      await rm(lockOf(store, name), {force: true});
    },
  };
}

/** Removes the work folders of builds that were killed: those whose lock nobody holds. What has no lock is not ours. One that
 * can't be removed takes space, and stops no build: a warning tells. */
export async function sweepWorkFolders(store: string, emit: Emit): Promise<void> {
  await mkdir(`${store}/work`, {recursive: true});
  for (const name of await readdir(`${store}/work`)) {
    if (!/^[0-9a-f]{12}$/.test(name) || !(await isThere(lockOf(store, name)))) continue;
    await using lock = await lockIfFree(lockOf(store, name), `the work folder "${name}"`);
    if (!lock) continue;
    try {
      await removeNow([`${store}/work/${name}`]);
      await rm(lockOf(store, name), {force: true});
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      const problem = error.words.details?.said ?? error.message;
      emit({
        type: 'warning',
        text: `what a killed build left in "${store}/work/${name}" cannot be removed: ${problem}`,
      });
    }
  }
}

/** Since when some build, boot or other command has been at work in a store: the start of the one that began first. */
export async function workingSince(store: string): Promise<Date | undefined> {
  const names = (await readdir(`${store}/locks`)).filter((name) => name.startsWith('work-'));
  const starts: number[] = [];
  for (const name of names) {
    const path = `${store}/locks/${name}`;
    await using lock = await lockIfFree(path, name);
    if (!lock) starts.push(await startOf(path));
    // Its owner has just ended, and looking has made it again; or was killed before it had a folder.
    else if (!(await isThere(`${store}/work/${name.slice('work-'.length)}`))) await rm(path, {force: true});
  }
  return starts.length === 0 ? undefined : new Date(Math.min(...starts));
}

/** @returns Now, when it has ended in the meantime. */
async function startOf(lock: string): Promise<number> {
  try {
    return (await stat(lock)).mtimeMs;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return Date.now();
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function lockOf(store: string, name: string): string {
  return `${store}/locks/work-${name}`;
}

/** Removes trees. A sandbox that was just killed may still be closing its files, so a few tries.
 * @throws {HostError} `command-failed`
 */
export async function removeTree(...paths: readonly string[]): Promise<void> {
  for (let triesLeft = 5; ; triesLeft--) {
    try {
      await removeNow(paths);
      return;
    } catch (error) {
      if (triesLeft === 0) throw error;
      await setTimeout(100);
    }
  }
}

/** rm(1) descends folder by folder, so that a path may be longer than the kernel takes at once, as Node's own must not. */
async function removeNow(paths: readonly string[]): Promise<void> {
  await runOrThrow('removing files of a build', ['rm', '-rf', '--', ...paths]);
}
