import {readdir, rm} from 'node:fs/promises';
import type {Sha256} from '../base/index.js';
import type {ImageFormat} from '../image/index.js';
import type {Store} from '../store/index.js';
import type {ImageOutput} from './assemble-disk.js';
import type {DeliveredImage} from './deliver-image.js';
import type {PlannedImage, PlannedTree} from './plan-image.js';

/** Raised when records come to hold other things: older ones are then as good as none. */
const recordForm = 1;

/** What an image was made of, for as long as the store knows it: asked by `image why`, and by `store prune`. */
export interface ImageRecord {
  readonly form: typeof recordForm;
  /** Name of the image's definition. */
  readonly image: string;
  /** Of the finished image in the store. */
  readonly key: Sha256;
  readonly outputs: readonly RecordedOutput[];
  /** Of the last build that ended with it, ISO 8601. */
  readonly builtAt: string;
  /** The image's own tree, and before it the database container's where there is one. */
  readonly trees: readonly TreeRecord[];
}

/** One file of an image. */
export interface RecordedOutput {
  readonly format: ImageFormat;
  /** In the image's folder of the store. */
  readonly name: string;
  readonly sha256: Sha256;
  /** Where the last build put it. */
  readonly file: string;
}

export interface TreeRecord {
  readonly kind: 'container' | 'root';
  readonly name: string;
  /** In their order. */
  readonly steps: readonly {readonly id: string; readonly key: Sha256}[];
  /** Packages that elements ask for by their lists. */
  readonly requests: readonly {readonly package: string; readonly element: string}[];
}

/** Notes what an image was made of, at the end of a build. */
export async function keepImageRecord(
  planned: PlannedImage,
  outputs: readonly ImageOutput[],
  files: readonly DeliveredImage[],
  store: Store,
): Promise<void> {
  const {definition, image, container, root} = planned;
  const record: ImageRecord = {
    form: recordForm,
    image: definition.name,
    key: image.key,
    outputs: outputs.map(({format, name, sha256}, i) => ({format, name, sha256, file: files[i]?.file ?? ''})),
    builtAt: new Date().toISOString(),
    trees: [...(container ? [treeRecord('container', container)] : []), treeRecord('root', root)],
  };
  await store.writeBuild(recordName(image.key), record);
}

function treeRecord(kind: TreeRecord['kind'], {plan, elements}: PlannedTree): TreeRecord {
  return {
    kind,
    name: plan.tree,
    steps: plan.decisions.map(({step, key}) => ({id: step.id, key})),
    requests: elements.flatMap(({name, packages}) =>
      packages.filter(({act}) => act === 'install').map((request) => ({package: request.name, element: name})),
    ),
  };
}

const prefix = 'image-';

function recordName(key: Sha256): string {
  return `${prefix}${key}`;
}

/** Removes the records of images that are gone from the store. That of an image's latest build stays: it says which steps do. */
export async function dropLostRecords(store: Store): Promise<void> {
  const records = await readImageRecords(store);
  const latest = keysOfLatest(records);
  for (const {key} of records) {
    if (latest.has(key) || (await store.has('images', key))) continue;
    await rm(`${store.folder}/builds/${recordName(key)}.json`, {force: true});
  }
}

/** Every image that was built with this store, the last built first. */
export async function readImageRecords(store: Store): Promise<ImageRecord[]> {
  const names = (await readdir(`${store.folder}/builds`)).filter((name) => name.startsWith(prefix));
  const records = await Promise.all(names.map((name) => store.readBuild<ImageRecord>(name.replace(/\.json$/, ''))));
  return records
    .filter((record): record is ImageRecord => record?.form === recordForm)
    .sort((a, b) => (a.builtAt < b.builtAt ? 1 : a.builtAt > b.builtAt ? -1 : 0));
}

/** Keys of the latest build of each image: of the image, and of its steps.
 * @param records The last built first.
 * @returns Each with the image's name.
 */
export function keysOfLatest(records: readonly ImageRecord[]): Map<Sha256, string> {
  const latest = new Map<string, ImageRecord>();
  for (const record of records) if (!latest.has(record.image)) latest.set(record.image, record);
  const keys = new Map<Sha256, string>();
  for (const {image, key, trees} of latest.values()) {
    for (const one of [key, ...trees.flatMap(({steps}) => steps.map((step) => step.key))]) keys.set(one, image);
  }
  return keys;
}
