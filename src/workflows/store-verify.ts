import {promisify} from 'node:util';
import {gunzip} from 'node:zlib';
import type {Sha256, World} from '../base/index.js';
import {listDifferences, parseList} from '../inspection/index.js';
import {
  type KeptResult,
  type ResultKind,
  readInventory,
  readInventorySummary,
  resultKinds,
  Store,
  withAllOn,
} from '../store/index.js';
import {dropLostRecords} from './image-record.js';
import {type ListedResult, listResults, type ResultPlace} from './inventory-results.js';
import {layersOfDevclouds, readStore} from './read-store.js';
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
  const what = ({kind, key}: ResultPlace) =>
    items.find((item) => item.kind === kind && item.name === key)?.what ?? 'unknown';
  const fates = isRepair ? await repair(found, store, world) : [];
  const damaged = found.map(({place, problems}, i) => ({
    ...place,
    what: what(place),
    problems,
    isRemoved: false,
    ...fates[i],
  }));
  return {...counts, damaged};
}

type Found = readonly FoundDamage[];

interface FoundDamage {
  readonly place: ResultPlace;
  readonly problems: readonly string[];
  /** Which result it is; undefined for one that isn't whole. */
  readonly instance: string | undefined;
}

async function compareResults(world: World): Promise<Omit<VerifiedStore, 'damaged'> & {readonly found: Found}> {
  await using workshop = await openWorkshop(world);
  const {store} = workshop;
  const places = await placesIn(store);
  const instances = new Map<ResultPlace, string | undefined>();
  for (const place of places) {
    const instance = (await store.look(place.kind, place.key))?.instance;
    // What isn't there at all has been removed by another command.
    if (instance !== undefined || (await store.has(place.kind, place.key))) instances.set(place, instance);
  }
  const torn = [...instances].flatMap(([place, instance]) => (instance === undefined ? [place] : []));
  const checkable: ResultPlace[] = [];
  for (const [place, instance] of instances) {
    if (instance !== undefined && (await readInventorySummary(place.folder))) checkable.push(place);
  }
  const found: FoundDamage[] = torn.map((place) => ({
    place,
    problems: ['a part of it is missing, or is cut short'],
    instance: undefined,
  }));
  const tools = await ensureToolsRoot('assembly', workshop, world);
  for (let i = 0; i < checkable.length; i += atOnce) {
    world.emit({type: 'progress', what: 'results verified', done: i, total: checkable.length, unit: 'items'});
    const some = checkable.slice(i, i + atOnce);
    for (const [j, listed] of (await listResults(some, workshop, tools, world)).entries()) {
      const place = some[j];
      const problems = place ? await problemsOf(place, listed) : [];
      if (!place || problems.length === 0) continue;
      const instance = instances.get(place);
      // What was removed while it was read isn't damaged.
      if ((await store.look(place.kind, place.key))?.instance === instance) found.push({place, problems, instance});
    }
  }
  return {
    checked: checkable.length,
    unchecked: instances.size - torn.length - checkable.length,
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

type Fate = Pick<DamagedResult, 'isRemoved' | 'keptBy'>;

/** Removes damaged results, and those made of them, but none that somebody uses. Others may have removed or made anew some of
 * them since they were found: those are left as they are.
 * @returns What has become of each.
 */
async function repair(found: Found, store: Store, world: World): Promise<Fate[]> {
  const {fates, removed} = await takeOutDamaged(found, store, world);
  await removed?.[Symbol.asyncDispose]();
  await dropLostRecords(store);
  return fates;
}

/** @returns Also what to dispose when others may use the store again. */
async function takeOutDamaged(
  found: Found,
  store: Store,
  world: World,
): Promise<{readonly fates: Fate[]; readonly removed?: AsyncDisposable}> {
  await using alone = await store.useAlone();
  if (!alone) return {fates: found.map(() => ({isRemoved: false, keptBy: 'a command that is running'}))};
  const all = await store.results();
  const devclouds = await layersOfDevclouds(world);
  const going = new Set<KeptResult>();
  const fates: Fate[] = [];
  for (const {place, instance} of found) {
    if ((await store.look(place.kind, place.key))?.instance !== instance) {
      fates.push({isRemoved: false, keptBy: 'another command, which has removed it or made it anew meanwhile'});
      continue;
    }
    const damaged = all.filter(({kind, key}) => kind === place.kind && key === place.key);
    const made = withAllOn(damaged, all);
    const keptBy = made.map(({key}) => devclouds.get(key)).find((user) => user !== undefined);
    if (keptBy === undefined) for (const result of made) going.add(result);
    fates.push(keptBy === undefined ? {isRemoved: true} : {isRemoved: false, keptBy});
  }
  return {fates, removed: await store.takeOut(withAllOn([...going], all))};
}
