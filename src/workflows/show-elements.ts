import {compareCodePoints, nearestNames, UsageError, type World} from '../base/index.js';
import {hookId, hooksByPhase, listElements, readElement} from '../element/index.js';
import {elementsPath} from './read-blueprint.js';

export interface ShownElement {
  readonly name: string;
  readonly folder: string;
  readonly summary: string;
  readonly dependencies: readonly string[];
  readonly provides: readonly string[];
  readonly hooks: readonly string[];
  readonly packages: readonly string[];
}

/** Every element of the search path, by name. */
export async function listAllElements(places: readonly string[], world: World): Promise<ShownElement[]> {
  const folders = await listElements(elementsPath({elementsPath: places}, world));
  const names = [...folders.keys()].sort(compareCodePoints);
  return Promise.all(names.map((name) => describe(name, folders.get(name) ?? '')));
}

/** @throws {UsageError} `unknown-element`, `invalid-file` */
export async function showElement(name: string, places: readonly string[], world: World): Promise<ShownElement> {
  const searchPath = elementsPath({elementsPath: places}, world);
  const folders = await listElements(searchPath);
  const folder = folders.get(name);
  if (folder) return describe(name, folder);
  const nearest = nearestNames(name, folders.keys());
  throw new UsageError('unknown-element', {name, neededBy: 'the command line', nearest, searchPath});
}

async function describe(name: string, folder: string): Promise<ShownElement> {
  const element = await readElement(name, folder);
  const {summary, dependencies, provides, packages} = element;
  const hooks = [...hooksByPhase([element]).values()].flat().map(hookId);
  return {name, folder, summary, dependencies, provides, hooks, packages: packages.map((p) => p.name)};
}
