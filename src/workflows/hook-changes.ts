import {lstat, readdir, readFile, readlink} from 'node:fs/promises';
import {
  Bug,
  compareCodePoints,
  describeEnd,
  HostError,
  kindWithin,
  lastLines,
  type Sha256,
  sha256,
  type World,
} from '../base/index.js';
import {type Element, type Hook, type HookChanges, isHookName, type Phase, phaseNames} from '../element/index.js';
import type {StepDecision} from '../plan/index.js';
import {enter} from '../sandbox/index.js';
import type {StepFacts} from './run-step.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** What finished steps did to the phases' folders in the folder of all hooks, as overlayfs keeps it.
 * @throws {HostError} `command-failed`
 */
export async function readHookChanges(
  decisions: readonly StepDecision[],
  elements: readonly Element[],
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<HookChanges> {
  const layers: HookLayer[] = [];
  for (const {step, key} of decisions) {
    if (step.work.kind !== 'hook') continue;
    const result = await workshop.store.find<StepFacts>('steps', key);
    if (!result) throw new Bug('planned-result-gone', {step: step.id, key});
    if (result.facts.changesHooks) layers.push({folder: `${result.folder}/hooks/tree`, key, by: step.work.element});
  }
  const opaque = await opaqueFolders(layers, workshop, tools, world);
  return hookChangesIn(layers, opaque, elements);
}

/** What a step of an element wrote over the folder of all hooks. */
export interface HookLayer {
  readonly folder: string;
  readonly key: Sha256;
  /** The element. */
  readonly by: string;
}

/** @param opaque `<key>/<phase>` of each phase's folder that has nothing more of what was below it. */
export async function hookChangesIn(
  layers: readonly HookLayer[],
  opaque: ReadonlySet<string>,
  elements: readonly Element[],
): Promise<HookChanges> {
  const found = new Map<string, Hook | undefined>();
  const replaced = new Set<Phase>();
  for (const {folder, key, by} of layers) {
    for (const phase of phaseNames) {
      const kind = await kindWithin(folder, phase);
      if (kind === 'nothing') continue;
      if (kind !== 'folder' || opaque.has(`${key}/${phase}`)) {
        replaced.add(phase);
        for (const path of found.keys()) if (path.startsWith(`${phase}/`)) found.delete(path);
      }
      if (kind !== 'folder') continue; // overlayfs' mark of what was removed; a link is no folder of hooks
      for (const [path, hook] of await changedHooks(folder, phase, by, elements)) found.set(path, hook);
    }
  }
  const changes = [...found].sort(([a], [b]) => compareCodePoints(a, b));
  return {
    added: changes.flatMap(([, hook]) => hook ?? []),
    removed: changes.flatMap(([path, hook]) => (hook ? [] : [path])),
    replaced: phaseNames.filter((phase) => replaced.has(phase)),
  };
}

/** Prints those of the folders given that hide what lies below them. Node can't read extended attributes. */
const opaqueScript = `
import os, sys
for path in sys.argv[1:]:
    names = os.listxattr(path, follow_symlinks=False)
    if 'user.overlay.opaque' in names or 'trusted.overlay.opaque' in names:
        print(path)
`;

/** @returns `<key>/<phase>` of each. */
async function opaqueFolders(
  layers: readonly HookLayer[],
  {store, sandboxes}: Workshop,
  tools: ToolsRoot,
  {signal}: World,
): Promise<ReadonlySet<string>> {
  const folders: string[] = [];
  for (const {folder, key} of layers) {
    for (const phase of phaseNames) {
      if ((await kindWithin(folder, phase)) === 'folder') folders.push(`/steps/${key}/hooks/tree/${phase}`);
    }
  }
  if (folders.length === 0) return new Set();
  const outcome = await enter(
    {
      name: 'hooks',
      root: tools.tree,
      mounts: [{kind: 'bind', at: '/steps', from: `${store.folder}/steps`, readOnly: true}],
      network: 'none',
      ids: 'host', // as listResults: all owners' folders can be read
      env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'},
      cwd: '/',
      argv: ['python3', '-c', opaqueScript, ...folders],
    },
    sandboxes,
    {signal},
  );
  if (outcome.exitCode !== 0) {
    const doing = 'reading the hooks that hooks brought';
    const output = lastLines(outcome.stderr, 5);
    throw new HostError('command-failed', {doing, command: 'python3', outcome: describeEnd(outcome), output});
  }
  const lines = outcome.stdout.split('\n').filter(Boolean);
  return new Set(lines.map((line) => line.replace(/^\/steps\/([^/]+)\/hooks\/tree\//, '$1/')));
}

/** Path below the folder of all hooks → the hook that is there now; undefined for one that is gone. */
async function changedHooks(
  folder: string,
  phase: Phase,
  by: string,
  elements: readonly Element[],
): Promise<[string, Hook | undefined][]> {
  const changes: [string, Hook | undefined][] = [];
  for (const name of await readdir(`${folder}/${phase}`)) {
    if (isHookName(name)) changes.push([`${phase}/${name}`, await readHook(folder, phase, name, by, elements)]);
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
