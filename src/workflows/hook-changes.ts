import {lstat, readdir, readFile, readlink} from 'node:fs/promises';
import {Bug, compareCodePoints, sha256, systemErrorCode} from '../base/index.js';
import {type Element, type Hook, type HookChanges, isHookName, type Phase, phases} from '../element/index.js';
import type {StepDecision} from '../plan/index.js';
import type {Store} from '../store/index.js';
import type {StepFacts} from './run-step.js';

/** What finished steps did to the phases' folders in the folder of all hooks, as overlayfs keeps it. */
export async function readHookChanges(
  decisions: readonly StepDecision[],
  elements: readonly Element[],
  store: Store,
): Promise<HookChanges> {
  const found = new Map<string, Hook | undefined>();
  for (const {step, key} of decisions) {
    if (step.work.kind !== 'hook') continue;
    const result = await store.find<StepFacts>('steps', key);
    if (!result) throw new Bug('planned-result-gone', {step: step.id, key});
    if (!result.facts.changesHooks) continue;
    const changed = await changedHooks(`${result.folder}/hooks/tree`, step.work.element, elements);
    for (const [path, hook] of changed) found.set(path, hook);
  }
  const changes = [...found].sort(([a], [b]) => compareCodePoints(a, b));
  return {
    added: changes.flatMap(([, hook]) => hook ?? []),
    removed: changes.flatMap(([path, hook]) => (hook ? [] : [path])),
  };
}

/** Path below the folder of all hooks → the hook that is there now; undefined for one that is gone. */
async function changedHooks(
  folder: string,
  by: string,
  elements: readonly Element[],
): Promise<[string, Hook | undefined][]> {
  const changes: [string, Hook | undefined][] = [];
  for (const phase of Object.keys(phases) as Phase[]) {
    for (const name of await namesIn(`${folder}/${phase}`)) {
      if (isHookName(name)) changes.push([`${phase}/${name}`, await readHook(folder, phase, name, by, elements)]);
    }
  }
  return changes.filter(([, hook]) => hook !== notRun);
}

/** Stands for a file that is no hook. */
const notRun: Hook = {element: '', phase: 'root.d', name: '', sha256: sha256('')};

async function readHook(
  folder: string,
  phase: Phase,
  name: string,
  by: string,
  elements: readonly Element[],
): Promise<Hook | undefined> {
  const path = `${folder}/${phase}/${name}`;
  const status = await lstat(path);
  if (status.isCharacterDevice()) return undefined; // overlayfs' mark of what was removed
  if (status.isSymbolicLink()) return linkedHook(phase, name, await readlink(path), by, elements);
  if (!status.isFile() || (status.mode & 0o100) === 0) return notRun;
  return {element: by, phase, name, sha256: sha256(await readFile(path))};
}

/** A link to an element's file is that element's hook. */
function linkedHook(phase: Phase, name: string, target: string, by: string, elements: readonly Element[]): Hook {
  const inFolder = target.replace(/^.*\/hooks\//, '').replace(/^\.\//, '');
  const path = inFolder.startsWith(`${phase}/`) ? inFolder : `${phase}/${inFolder}`;
  for (const {name: element, files} of elements) {
    const file = files.find((f) => f.path === path);
    if (file) return {element, phase, name, sha256: file.sha256, linkedFrom: path.slice(phase.length + 1)};
  }
  return {element: by, phase, name, sha256: sha256(target)};
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
