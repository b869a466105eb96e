import {promisify} from 'node:util';
import {gunzip} from 'node:zlib';
import type {Sha256, World} from '../base/index.js';
import {listDifferences, parseList} from '../inspection/index.js';
import {type ResultKind, readInventory, readInventorySummary, resultKinds, Store} from '../store/index.js';
import {type ListedResult, listResults, type ResultPlace} from './inventory-results.js';
import {readStore, type StoreItem} from './read-store.js';
import {ensureToolsRoot} from './tools-root.js';
import {openWorkshop} from './workshop.js';

/** A result that isn't what it was. */
export interface DamagedResult {
  readonly kind: ResultKind;
  readonly key: Sha256;
  readonly what: string;
  readonly folder: string;
  /** In words: `/target/tree/etc/passwd: content`, … */
  readonly problems: readonly string[];
  readonly isRemoved: boolean;
  /** Why it wasn't removed although that was asked for. */
  readonly keptBy?: string;
}

export interface VerifiedStore {
  readonly checked: number;
  /** Results that have no inventory, since their build didn't come to its end: nothing is known of what they should hold. */
  readonly unchecked: number;
  readonly damaged: readonly DamagedResult[];
}

/** Compares every result with its inventory, by the digest of each file, its owner, mode, attributes and time.
 * @param isRepair Remove what is damaged, and what was made on it, so that the next build makes it anew.
 */
export async function storeVerify(isRepair: boolean, world: World): Promise<VerifiedStore> {
  const {found, ...counts} = await compareResults(world);
  if (found.length === 0) return {...counts, damaged: []};
  const store = await Store.open(world.paths.store, world.emit);
  const {items} = await readStore(store, world);
  const damaged = found.map(({place, problems}) => {
    const what = items.find(({kind, name}) => kind === place.kind && name === place.key)?.what ?? 'unknown';
    return {...place, what, problems, isRemoved: false};
  });
  return {...counts, damaged: isRepair ? await repair(damaged, items, store) : damaged};
}

type Found = readonly {readonly place: ResultPlace; readonly problems: readonly string[]}[];

async function compareResults(world: World): Promise<Omit<VerifiedStore, 'damaged'> & {readonly found: Found}> {
  await using workshop = await openWorkshop(world);
  const {store} = workshop;
  const places = await placesIn(store);
  const torn = new Set<ResultPlace>();
  for (const place of places) if (!(await store.look(place.kind, place.key))) torn.add(place);
  const checkable: ResultPlace[] = [];
  for (const place of places) {
    if (!torn.has(place) && (await readInventorySummary(place.folder))) checkable.push(place);
  }
  const found: {readonly place: ResultPlace; readonly problems: readonly string[]}[] = [...torn].map((place) => ({
    place,
    problems: ['a part of it is missing, or is cut short'],
  }));
  const tools = await ensureToolsRoot('assembly', workshop, world);
  for (let i = 0; i < checkable.length; i += atOnce) {
    world.emit({type: 'progress', what: 'results verified', done: i, total: checkable.length, unit: 'items'});
    const some = checkable.slice(i, i + atOnce);
    for (const [j, listed] of (await listResults(some, workshop, tools, world)).entries()) {
      const place = some[j];
      const problems = place ? await problemsOf(place, listed) : [];
      if (place && problems.length > 0) found.push({place, problems});
    }
  }
  return {
    checked: checkable.length,
    unchecked: places.length - torn.size - checkable.length,
    found,
  };
}

/** Results that one sandbox reads. */
const atOnce = 16;

async function placesIn(store: Store): Promise<ResultPlace[]> {
  const places: ResultPlace[] = [];
  for (const kind of resultKinds) {
    for (const key of await store.keys(kind)) places.push({kind, key, folder: `${store.folder}/${kind}/${key}`});
  }
  return places;
}

const expand = promisify<Buffer, Buffer>(gunzip);

async function problemsOf({folder}: ResultPlace, listed: ListedResult): Promise<string[]> {
  if (listed.problem !== undefined || !listed.compressed) return [`it can't be read: ${listed.problem}`];
  const summary = await readInventorySummary(folder);
  if (summary?.sha256 === listed.sha256) return [];
  const lines = await readInventory(folder);
  if (lines === undefined) return ['its inventory is damaged'];
  return listDifferences(parseList(lines), parseList((await expand(listed.compressed)).toString('utf8')));
}

/** Removes damaged results, and those made of them, but none that somebody uses. */
async function repair(
  damaged: readonly DamagedResult[],
  items: readonly StoreItem[],
  store: Store,
): Promise<DamagedResult[]> {
  const devclouds = new Map(items.flatMap(({name, neededBy}) => (isDevcloud(neededBy) ? [[name, neededBy]] : [])));
  const repaired: DamagedResult[] = [];
  const isFree = await store.whenUnused(async () => {
    for (const result of damaged) {
      const made = await store.standingOn([result.key]);
      const keptBy = made.map(({key}) => devclouds.get(key)).find((user) => user !== undefined);
      if (keptBy === undefined) await store.removeWithAllOn([result.key]);
      repaired.push(keptBy === undefined ? {...result, isRemoved: true} : {...result, keptBy});
    }
  });
  return isFree ? repaired : damaged.map((result) => ({...result, keptBy: 'a command that is running'}));
}

function isDevcloud(user: string | undefined): user is string {
  return user?.startsWith('devcloud') === true;
}
