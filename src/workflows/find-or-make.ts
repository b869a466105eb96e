import type {Sha256, World} from '../base/index.js';
import type {Store} from '../store/index.js';
import type {Workshop} from './workshop.js';

/** What making a result came to. */
export interface Made<Facts extends object> {
  readonly facts: Facts;
  /** Whether it is what its key says for everybody, and so goes into the store. */
  readonly isKept: boolean;
}

/** A result of the store; when it isn't there it is made, by one process at a time.
 * @param what In the words of whoever waits for it.
 * @param make Fills an empty folder.
 * @returns Facts and folder: of the store, or what was made when that isn't kept.
 */
export async function findOrMake<Facts extends object>(
  kind: Parameters<Store['find']>[0],
  key: Sha256,
  what: string,
  {store, work}: Workshop,
  world: World,
  make: (staged: string) => Promise<Made<Facts>>,
): Promise<{readonly facts: Facts; readonly folder: string}> {
  const known = await store.find<Facts>(kind, key);
  if (known) return known;
  await using _lock = await store.lock(key, what, world.signal);
  const madeMeanwhile = await store.find<Facts>(kind, key);
  if (madeMeanwhile) return madeMeanwhile;
  const staged = await work.newFolder();
  const {facts, isKept} = await make(staged);
  if (!isKept) return {facts, folder: staged};
  return await store.commit(kind, key, staged, facts);
}
