import {mkdir, readdir} from 'node:fs/promises';
import {Bug, type Sha256, StepError, systemErrorCode, unreachable} from '../base/index.js';
import type {Element, Hook} from '../element/index.js';
import {type ImageDefinition, isGuest} from '../image/index.js';
import {isMadeOn, type Step, type StepDecision, type TreePlan} from '../plan/index.js';
import type {Making, StoredResult} from '../store/index.js';
import {billsOfMaterials} from './bill-of-materials.js';
import {manifestText} from './image-manifest.js';
import {mergeElements} from './lay-out-elements.js';
import {preloadContainer} from './preload-container.js';
import {hookArguments, runInTree, type StepContext, type StepFacts, type TreeSoFar, writeIntoTree} from './run-step.js';

/** What a build has made. */
export interface MadeAnew {
  /** Of results in place of others. */
  readonly generation: string;
  /** Keys of the steps that it has run. */
  readonly made: Set<Sha256>;
}

/** A tree and all that it is made from. */
export interface TreeJob {
  /** Seconds since 1970 that everything in the tree is dated with. */
  readonly epoch: number;
  readonly definition: ImageDefinition;
  readonly plan: TreePlan;
  readonly elements: readonly Element[];
  /** Hooks that lie elsewhere than in their phase's folder. */
  readonly hookLinks: readonly Hook[];
  /** Run no further than so many steps. */
  readonly steps?: number | undefined;
  readonly context: StepContext;
  /** The finished container tree, for a guest's. */
  readonly container?: BuiltTree;
  /** What this build has made, also in other trees. */
  readonly anew: MadeAnew;
}

export interface BuiltTree extends TreeSoFar {
  readonly instance: string;
  readonly stepsRun: number;
}

/** Runs a tree's plan: every step is taken from the store, or run on top of those before it and kept. */
export async function runTree(job: TreeJob): Promise<BuiltTree> {
  const {context, plan} = job;
  await mkdir(context.logFolder, {recursive: true});
  let tree: TreeSoFar = {
    layers: [],
    hookLayers: [await mergeElements(job.elements, job.hookLinks, context.workshop)],
    epoch: job.epoch,
  };
  let stepsRun = 0;
  for (const decision of plan.decisions.slice(0, job.steps)) {
    const {result, hasRun} = await reuseOrRun(decision, tree, job);
    if (hasRun) stepsRun++;
    tree = onTop(tree, result);
  }
  if (tree.instance === undefined) throw new Bug('tree-without-steps', {tree: plan.tree});
  return {...tree, instance: tree.instance, stepsRun};
}

function onTop(tree: TreeSoFar, {instance, folder, facts}: StoredResult<StepFacts>): TreeSoFar {
  return {
    instance,
    layers: facts.changesTree ? [`${folder}/target/tree`, ...tree.layers] : tree.layers,
    hookLayers: facts.changesHooks ? [`${folder}/hooks/tree`, ...tree.hookLayers] : tree.hookLayers,
    epoch: tree.epoch,
  };
}

async function reuseOrRun(
  decision: StepDecision,
  tree: TreeSoFar,
  job: TreeJob,
): Promise<{readonly result: StoredResult<StepFacts>; readonly hasRun: boolean}> {
  const {store} = job.context.workshop;
  const {emit, signal} = job.context.world;
  const {step, key} = decision;
  const on = instancesBelow(step, tree, job);
  if (decision.kind === 'reuse') {
    const result = (await store.find<StepFacts>('steps', key)) ?? (await findLocked(key, step, job));
    if (!result || !isMadeOn(result, on)) throw new Bug('planned-result-gone', {step: step.id, key});
    if (!job.anew.made.has(key)) emit({type: 'step reused', step: step.id});
    return {result, hasRun: false};
  }
  await using _lock = await store.lock(key, `step ${step.id}`, signal);
  const madeMeanwhile = await store.find<StepFacts>('steps', key);
  if (madeMeanwhile) {
    if (!isMadeOn(madeMeanwhile, on)) throw new Bug('result-on-another', {step: step.id, key});
    emit({type: 'step reused', step: step.id});
    return {result: madeMeanwhile, hasRun: false};
  }
  emit({type: 'step started', step: step.id, reason: decision.reason});
  const startedAt = performance.now();
  const replaces = decision.replaces && {first: decision.replaces, generation: job.anew.generation};
  const result = await runAndKeep(step, key, tree, job, {on, replaces});
  job.anew.made.add(key);
  emit({type: 'step finished', step: step.id, reason: decision.reason, durationMs: performance.now() - startedAt});
  return {result, hasRun: true};
}

/** Finds a result that isn't there at this moment: a prune takes it away, sees that it was used just now, and puts it back. */
async function findLocked(key: Sha256, step: Step, job: TreeJob): Promise<StoredResult<StepFacts> | undefined> {
  const {store} = job.context.workshop;
  await using _lock = await store.lock(key, `step ${step.id}`, job.context.world.signal);
  return await store.find<StepFacts>('steps', key);
}

/** What a step's result stands on, in the order that plans have it. */
function instancesBelow({work}: Step, {instance}: TreeSoFar, {container}: TreeJob): string[] {
  const takenIn = work.kind === 'container' && container ? [container.instance] : [];
  return [...(instance === undefined ? [] : [instance]), ...takenIn];
}

async function runAndKeep(
  step: Step,
  key: Sha256,
  tree: TreeSoFar,
  job: TreeJob,
  making: Making,
): Promise<StoredResult<StepFacts>> {
  const {store, work} = job.context.workshop;
  const staged = await work.newFolder();
  await perform(step, tree, staged, job);
  const facts: StepFacts = {
    step: step.id,
    changesTree: await hasContent(`${staged}/target/tree`),
    changesHooks: await hasContent(`${staged}/hooks/tree`),
    packages: job.context.packages.takenBy(step.id),
  };
  return store.commit('steps', key, staged, facts, making);
}

async function hasContent(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length > 0;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false; // a step that changes nothing there need not have made it
    throw error;
  }
}

async function perform(step: Step, tree: TreeSoFar, staged: string, job: TreeJob): Promise<void> {
  const {context, definition, container} = job;
  const {work} = step;
  switch (work.kind) {
    case 'hook': {
      const printed = await runInTree(step, hookArguments(work.phase, work.name, step.place), tree, staged, context);
      if (work.phase === 'block-device.d') checkNoBlockDevice(step, printed, context);
      return;
    }
    case 'script':
      await runInTree(step, ['sh', '-c', work.script, 'step', ...work.args], tree, staged, context);
      return;
    case 'container':
      if (!container || !isGuest(definition)) throw new Bug('no-container-tree', {step: step.id});
      await preloadContainer(step, definition, container, tree, staged, context);
      return;
    case 'manifest': {
      if (!container || !isGuest(definition)) throw new Bug('no-guest', {step: step.id});
      const argv = ['dpkg-query', '--show', '--showformat', '${Package} ${Version} ${Architecture}\\n'];
      const packages = await runInTree(step, argv, tree, staged, context);
      await writeIntoTree(staged, '/etc/trovestack/manifest.json', manifestText(definition, job.elements, packages));
      const bills = await billsOfMaterials(definition, job.elements, tree, container, context);
      for (const [path, text] of Object.entries(bills)) await writeIntoTree(staged, path, text);
      return;
    }
    default:
      return unreachable(work);
  }
}

/** Upstream takes what such a hook prints for the device to write to; here nothing is written to devices. */
function checkNoBlockDevice(step: Step, printed: string, {image}: StepContext): void {
  const [, device] = /^IMAGE_BLOCK_DEVICE=(\S+)/m.exec(printed) ?? [];
  if (device) throw new StepError('own-block-device', {image, step: step.id, device});
}
