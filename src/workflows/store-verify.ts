import {promisify} from 'node:util';
import {gunzip} from 'node:zlib';
import type {Sha256, World} from '../base/index.js';
import {listDifferences, parseList} from '../inspection/index.js';
import {type ResultKind, readInventory, readInventorySummary, resultKinds, type Store} from '../store/index.js';
import {type ListedResult, listResults, type ResultPlace} from './inventory-results.js';
import {readStore} from './read-store.js';
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
 * @param isRepair Remove what is damaged, so that the next build makes it anew.
 */
export async function storeVerify(isRepair: boolean, world: World): Promise<VerifiedStore> {
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
    damaged: await describe(found, isRepair, store, world),
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

async function describe(
  found: readonly {readonly place: ResultPlace; readonly problems: readonly string[]}[],
  isRepair: boolean,
  store: Store,
  world: World,
): Promise<DamagedResult[]> {
  if (found.length === 0) return [];
  const {items} = await readStore(store, world);
  const damaged: DamagedResult[] = [];
  for (const {place, problems} of found) {
    const item = items.find(({kind, name}) => kind === place.kind && name === place.key);
    const user = item?.neededBy?.startsWith('devcloud') ? item.neededBy : undefined;
    const isRemoved = isRepair && user === undefined;
    if (isRemoved) await store.remove(place.kind, place.key);
    const kept = isRepair && user !== undefined ? {keptBy: user} : {};
    damaged.push({...place, what: item?.what ?? 'unknown', problems, isRemoved, ...kept});
  }
  return damaged;
}
