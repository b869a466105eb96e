import type {World} from '../base/index.js';
import type {Phase} from '../element/index.js';
import {openUserNamespace, ownSandboxIds, type SandboxHost} from '../sandbox/index.js';
import {Store, type WorkFolder} from '../store/index.js';
import {dropLostRecords, keysOfLatest, readImageRecords} from './image-record.js';

/** Under what conditions steps run. They don't shape results. */
export interface BuildConditions {
  /** How long a hook, or another step, may take; default two hours. */
  readonly hookTimeoutMs?: number;
  /** Where the build opens a shell for the person at the terminal. */
  readonly shellAt?: {readonly step: string; readonly moment: 'before' | 'after'};
  /** And before the first step of a phase, or after its last. */
  readonly breaks?: readonly {readonly phase: Phase; readonly moment: 'before' | 'after'}[];
  /** Whether it opens one in what a failing step left. */
  readonly shellOnError?: boolean;
}

/** Where builds and boots are done: the store, a work folder of this run, and the namespace that sandboxes run in.
 * Disposing it removes all but the store's results. */
export interface Workshop extends AsyncDisposable {
  readonly store: Store;
  readonly work: WorkFolder;
  readonly sandboxes: SandboxHost;
  readonly conditions: BuildConditions & {readonly hookTimeoutMs: number};
}

const defaultHookTimeoutMs = 2 * 60 * 60_000;

/** @throws {HostError} `user-namespaces-off`, `other-ids`, `no-access`, `disk-full` */
export async function openWorkshop(world: World, conditions: BuildConditions = {}): Promise<Workshop> {
  const store = await Store.open(world.paths.store, world.emit);
  await store.claimIds(ownSandboxIds().baseOutside);
  await dropReplaced(store, world);
  const namespace = await openUserNamespace(world.signal);
  const work = await store.openWork(world.signal).catch(async (error: unknown) => {
    await namespace[Symbol.asyncDispose]();
    throw error;
  });
  return {
    store,
    work,
    conditions: {hookTimeoutMs: defaultHookTimeoutMs, ...conditions},
    sandboxes: {store: store.folder, namespace, newWorkFolder: () => work.newFolder()},
    async [Symbol.asyncDispose]() {
      await work[Symbol.asyncDispose]();
      await namespace[Symbol.asyncDispose]();
    },
  };
}

/** Removes what others stand for since; what the latest build of each image consists of stays. */
async function dropReplaced(store: Store, world: World): Promise<void> {
  const needed = async () => new Set(keysOfLatest(await readImageRecords(store)).keys());
  const replaced = await store.takeOutReplaced(needed);
  if (!replaced) return;
  world.emit({type: 'note', text: 'removing results that were made anew since'});
  await replaced[Symbol.asyncDispose]();
  await dropLostRecords(store);
}
