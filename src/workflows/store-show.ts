import {UsageError, type World} from '../base/index.js';
import {Store} from '../store/index.js';
import {matchRecords} from './find-image.js';
import type {ImageRecord} from './image-record.js';
import {readStore, type StoreItem} from './read-store.js';

/** One thing of the store, and for an image its steps. */
export interface ShownItem {
  readonly item: StoreItem;
  readonly record?: ImageRecord;
  /** In their order; undefined items are no longer in the store. */
  readonly steps: readonly {
    readonly tree: string;
    readonly step: string;
    readonly key: string;
    readonly item?: StoreItem;
  }[];
}

/** Finds one thing of the store by the name or digest of an image, or the beginning of a key (seven digits or more).
 * @throws {UsageError} `unknown-build`
 */
export async function storeShow(reference: string, world: World): Promise<ShownItem> {
  const store = await Store.open(world.paths.store, world.emit);
  const {items, records} = await readStore(store, world);
  const byName = new Map(items.map((item) => [item.name, item]));
  const record = matchRecords(reference, records).find(({key}) => byName.has(key));
  const isKey = /^[0-9a-f]{7,64}$/.test(reference);
  const item = record ? byName.get(record.key) : items.find(({name}) => isKey && name.startsWith(reference));
  if (!item) {
    throw new UsageError('unknown-build', {image: reference, known: [...new Set(records.map(({image}) => image))]});
  }
  const own = record ?? records.find(({key}) => key === item.name);
  const steps = (own?.trees ?? []).flatMap(({name, steps}) =>
    steps.map(({id, key}) => {
      const found = byName.get(key);
      return {tree: name, step: id, key, ...(found ? {item: found} : {})};
    }),
  );
  return {item, ...(own ? {record: own} : {}), steps};
}
