import type {World} from '../base/index.js';
import {Store} from '../store/index.js';
import {readStore, type StoreItem} from './read-store.js';

/** What the store takes, by kind, and its images. */
export interface StoreOverview {
  readonly folder: string;
  readonly sizeBytes: number;
  readonly kinds: readonly {readonly kind: string; readonly count: number; readonly sizeBytes: number}[];
  /** The last built first. */
  readonly images: readonly KeptImage[];
  readonly items: readonly StoreItem[];
}

export interface KeptImage {
  readonly image: string;
  readonly key: string;
  readonly builtAt: string;
  readonly files: readonly {readonly format: string; readonly sha256: string; readonly file: string}[];
  readonly sizeBytes: number;
  /** Of its steps; steps that images share count to each. */
  readonly stepsBytes: number;
  readonly isLatest: boolean;
}

/** @throws {UsageError} `not-a-store` */
export async function storeList(world: World): Promise<StoreOverview> {
  const store = await Store.open(world.paths.store, world.emit);
  const {items, others, records} = await readStore(store, world);
  const sum = (some: readonly {readonly sizeBytes: number}[]) =>
    some.reduce((total, {sizeBytes}) => total + sizeBytes, 0);
  const kinds = [...new Set(items.map(({kind}) => kind))].map((kind) => {
    const own = items.filter((item) => item.kind === kind);
    return {kind, count: own.length, sizeBytes: sum(own)};
  });
  const byName = new Map(items.map((item) => [item.name, item]));
  const seen = new Set<string>();
  const images = records.flatMap((record): KeptImage[] => {
    const item = byName.get(record.key);
    if (!item) return [];
    const isLatest = !seen.has(record.image);
    seen.add(record.image);
    const steps = record.trees.flatMap((tree) => tree.steps).flatMap(({key}) => byName.get(key) ?? []);
    return [
      {
        image: record.image,
        key: record.key,
        builtAt: record.builtAt,
        files: record.outputs.map(({format, sha256, file}) => ({format, sha256, file})),
        sizeBytes: item.sizeBytes,
        stepsBytes: sum([...new Set(steps)]),
        isLatest,
      },
    ];
  });
  return {
    folder: store.folder,
    sizeBytes: sum(items) + sum(others),
    kinds: [...kinds, ...others.map(({name, sizeBytes}) => ({kind: name, count: 1, sizeBytes}))],
    images,
    items,
  };
}
