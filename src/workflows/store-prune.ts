import {rm} from 'node:fs/promises';
import type {Sha256, World} from '../base/index.js';
import {type PruneDecision, type PruneLimits, planPrune, type ResultKind, Store} from '../store/index.js';
import {dropLostRecords} from './image-record.js';
import {lastUseOfFile, readStore, type StoreItem} from './read-store.js';

export interface PruneRequest extends PruneLimits {
  /** Only say what would go. */
  readonly isDryRun: boolean;
}

export interface PrunedStore {
  readonly removed: readonly PruneDecision<StoreItem>[];
  readonly removedBytes: number;
  readonly keptBytes: number;
  /** Of what is kept, that which is needed whatever the limits say. */
  readonly neededBytes: number;
  readonly isDryRun: boolean;
}

/** Removes from the store what is older than asked, and what was used longest ago while it is larger than asked. What a running
 * command uses, the latest build of each image, and the layers of devclouds stay whatever the limits.
 */
export async function storePrune(request: PruneRequest, world: World): Promise<PrunedStore> {
  const store = await Store.open(world.paths.store, world.emit);
  const {items, others} = await readStore(store, world);
  const otherBytes = others.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  const decisions = planPrune(items, request, new Date(), otherBytes);
  const removed: PruneDecision<StoreItem>[] = [];
  const stoodOn = new Set<string>();
  for (const decision of decisions) {
    if (decision.act === 'keep') continue;
    world.signal.throwIfAborted();
    const {instance, on = []} = decision.item;
    const isBelow = instance !== undefined && stoodOn.has(instance);
    if (request.isDryRun || (!isBelow && (await removeItem(decision.item, store)))) removed.push(decision);
    else for (const below of on) stoodOn.add(below); // it was used in the meantime
  }
  if (!request.isDryRun) {
    await store.tidy();
    await dropLostRecords(store);
  }
  const total = (some: readonly StoreItem[]) => some.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  const removedBytes = total(removed.map(({item}) => item));
  return {
    removed,
    removedBytes,
    keptBytes: otherBytes + total(items) - removedBytes,
    neededBytes: total(items.filter(({neededBy}) => neededBy !== undefined)),
    isDryRun: request.isDryRun,
  };
}

async function removeItem({kind, name, folder, lastUsedAt}: StoreItem, store: Store): Promise<boolean> {
  if (kind === 'debs' || kind === 'packages' || kind === 'listings') return removeFile(folder, lastUsedAt);
  return store.removeUnused(kind satisfies ResultKind, name as Sha256, lastUsedAt);
}

/** Removes a file that nobody has used since a time. */
async function removeFile(file: string, since: Date): Promise<boolean> {
  if ((await lastUseOfFile(file)) > since) return false;
  await rm(file, {force: true});
  return true;
}
