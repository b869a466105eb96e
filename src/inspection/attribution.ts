import {entryDifferences} from './compare.js';
import type {TreeEntry, TreeListing} from './listing.js';

/** What one step changed in a tree, by paths in the tree. */
export interface StepLayer {
  readonly step: string;
  readonly entries: ReadonlyMap<string, TreeEntry>;
}

/** What a step did to a path. */
export interface PathWriter {
  readonly step: string;
  readonly act: 'made' | 'changed' | 'removed' | 'touched';
  /** Of `changed`: what, in words. */
  readonly differences: readonly string[];
}

/** A layer of a step, from the inventory of the step's result. */
export function stepLayer(step: string, inventory: readonly TreeEntry[]): StepLayer {
  const prefix = '/target/tree';
  const own = inventory.filter(({path}) => path.startsWith(`${prefix}/`));
  return {step, entries: new Map(own.map((entry) => [entry.path.slice(prefix.length), entry]))};
}

/** Overlayfs keeps what a layer removed as a character device 0:0. */
function isWhiteout({type, device}: TreeEntry): boolean {
  return type === 'character device' && device?.[0] === 0 && device[1] === 0;
}

/** Whether a layer hides what those below it have in a folder. */
function isOpaque({type, attributes}: TreeEntry): boolean {
  return type === 'folder' && Object.keys(attributes ?? {}).some((name) => name.endsWith('.overlay.opaque'));
}

/** The steps that had to do with a path, the last one first.
 * @param layers In the order of the steps.
 */
export function writersOf(path: string, layers: readonly StepLayer[]): PathWriter[] {
  const writers: PathWriter[] = [];
  let before: TreeEntry | undefined;
  for (const {step, entries} of layers) {
    const entry = entries.get(path);
    if (!entry && before && isHiddenBy(path, entries)) {
      writers.unshift({step, act: 'removed', differences: []});
      before = undefined;
    }
    if (!entry) continue;
    if (isWhiteout(entry)) {
      if (before) writers.unshift({step, act: 'removed', differences: []});
      before = undefined;
      continue;
    }
    writers.unshift(...writerOf(step, before, entry));
    before = entry;
  }
  return writers;
}

/** A folder is in every layer that changes something below it: of these only those that change the folder itself count. */
function writerOf(step: string, before: TreeEntry | undefined, entry: TreeEntry): PathWriter[] {
  if (!before) return [{step, act: 'made', differences: []}];
  const unlike = ({hardLinkOf: _, ...rest}: TreeEntry): TreeEntry => ({...rest, attributes: ownAttributes(rest)});
  const differences = entryDifferences(unlike(before), unlike(entry));
  const own = differences.filter((difference) => difference !== 'time');
  if (own.length > 0) return [{step, act: 'changed', differences: own}];
  return entry.type === 'folder' || differences.length === 0 ? [] : [{step, act: 'touched', differences}];
}

/** Without those that overlayfs has for itself. */
function ownAttributes({attributes = {}}: TreeEntry): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !name.includes('.overlay.')));
}

function isHiddenBy(path: string, entries: ReadonlyMap<string, TreeEntry>): boolean {
  for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
    const entry = entries.get(folder);
    if (entry && (isWhiteout(entry) || isOpaque(entry))) return true;
  }
  return false;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Who brought the content of each path: the first of the steps that left it as it is now.
 * @param fallback The name of what came after the last step.
 */
export function contentOrigins(
  listing: TreeListing,
  layers: readonly StepLayer[],
  fallback: string,
): ReadonlyMap<string, string> {
  const topDown = [...layers].reverse();
  return new Map(listing.map((entry) => [entry.path, originOf(entry, topDown) ?? fallback]));
}

function originOf({path, sha256}: TreeEntry, topDown: readonly StepLayer[]): string | undefined {
  let origin: string | undefined;
  for (const {step, entries} of topDown) {
    const entry = entries.get(path);
    if (!entry) continue;
    if (isWhiteout(entry) || entry.sha256 !== sha256) break;
    origin = step;
  }
  return origin;
}

/** Where a container's tree lies in the image of a guest that carries it (Docker's overlay2 store).
 * @returns The path within the container; undefined for other paths.
 */
export function pathInContainer(path: string): string | undefined {
  return /^\/var\/lib\/docker\/overlay2\/[^/]+\/diff(\/.+)$/.exec(path)?.[1];
}

/** The element that a step belongs to; undefined for the engine's own. */
export function elementOf(step: string): string | undefined {
  const [element] = step.split('/');
  return element === 'engine' || element === 'disk' ? undefined : element;
}
