import {type Sha256, sha256} from '../base/index.js';
import {emptyTreeKey, type Ground, resultKey, type Step, stepKey, withGeneration} from './step.js';

/** What happens to one step of a build, and why. */
export type StepDecision =
  | {readonly kind: 'reuse'; readonly step: Step; readonly key: Sha256}
  | (RunResult & {readonly step: Step; readonly reason: string});

/** A result that has to be made. */
export interface RunResult {
  readonly kind: 'run';
  readonly key: Sha256;
  /** The key is of this build's generation: no other build has it. */
  readonly isAnew: boolean;
  /** The key that the new result stands for from now on, in place of the one that did. */
  readonly replaces?: Sha256;
  /** The store has one that has lost a part. */
  readonly isDamaged?: true;
}

export interface TreePlan {
  readonly tree: string;
  readonly decisions: readonly StepDecision[];
  /** What the tree is made of, whichever generation its results are: what it identifies is the same for all of them. */
  readonly identity: Sha256;
  /** What stands on the finished tree stands on this. */
  readonly top: Ground;
}

/** What the last build of a tree was made of. Of each input only the digest is kept: values may be secret. */
export interface BuildRecord {
  readonly steps: readonly {
    readonly id: string;
    readonly key: Sha256;
    readonly inputs: Readonly<Record<string, Sha256>>;
  }[];
}

/** A result that the store has. */
export interface KnownResult {
  /** Told from all other results, also from others under its key. */
  readonly instance: string;
  /** Instances of those that it was made on: the one below it, then that of a tree that it took in. */
  readonly on: readonly string[];
}

/** What the store and the person say about a tree's steps. */
export interface KnownResults {
  /** What the store has under a key; a damaged result is there, and of no use. */
  readonly find: (key: Sha256) => KnownResult | 'damaged' | undefined;
  /** Keys whose results were made anew → the generation that stands for them now. */
  readonly generations: Generations;
  /** The generation of what this build makes anew. */
  readonly generation: string;
  readonly last: BuildRecord | undefined;
  /** Ids of steps to run again whatever the store has, or all of them. */
  readonly rebuild: 'all' | ReadonlySet<string>;
  /** Ids of steps that are run again for the shell that a break opens there. */
  readonly broken?: ReadonlySet<string>;
  /** What to say of a changed input, by its name, in place of that. */
  readonly words?: Readonly<Record<string, string>>;
}

export type Generations = ReadonlyMap<Sha256, string>;

/** Each step's key, in order, whichever generation its result is. */
export function keysOf(steps: readonly Step[], before: Sha256 = emptyTreeKey): Sha256[] {
  let key = before;
  return steps.map((step) => {
    key = stepKey(step, key);
    return key;
  });
}

/** Under which keys the steps' results are looked for, those apart that the build itself makes anew. */
export function presentKeys(steps: readonly Step[], known: Generations): Sha256[] {
  let generations: readonly string[] = [];
  return keysOf(steps).map((key, i) => {
    const below = groundOf(steps[i], {generations, instances: undefined}).generations;
    const place = presentPlace(key, below, known);
    generations = place.generations;
    return place.key;
  });
}

/** Where a result is found. */
interface Place {
  readonly key: Sha256;
  readonly generations: readonly string[];
}

/** @param below Generations of what it stands on. */
export function presentPlace(identity: Sha256, below: readonly string[], known: Generations): Place {
  return placeOf(identity, below, known.get(resultKey(identity, below)));
}

/** @param own The result's own generation. */
function placeOf(identity: Sha256, below: readonly string[], own: string | undefined): Place {
  const generations = own === undefined ? below : withGeneration(below, own);
  return {key: resultKey(identity, generations), generations};
}

function groundOf(step: Step | undefined, {generations, instances}: Ground): Ground {
  const taken = step?.takesIn;
  if (!taken) return {generations, instances};
  return {
    generations: taken.generations.reduce(withGeneration, generations),
    instances: instances && taken.instances && [...instances, ...taken.instances],
  };
}

/** Where a result is, or is to be, and what stands on it stands on. */
export type ResultPlan = ({readonly kind: 'reuse'; readonly key: Sha256} | RunResult) & {readonly top: Ground};

/** Decides one result. It is reused only on the very instances that it was made on: another result under the same key may
 * differ. What this build has made anew itself stands before what another has in the meantime. A result that is made again
 * while the store has one gets a key of its own: what builds at work stand on stays as it is.
 * @param identity Its key, whichever generation it is.
 */
export function planResult(
  identity: Sha256,
  ground: Ground,
  isAskedFor: boolean,
  known: Pick<KnownResults, 'find' | 'generation' | 'generations'>,
): ResultPlan {
  const below = ground.generations;
  const first = resultKey(identity, below);
  const own = placeOf(identity, below, known.generation);
  const current = presentPlace(identity, below, known.generations);
  for (const {key, generations} of isAskedFor ? [own] : [own, current]) {
    const found = known.find(key);
    if (found === undefined || found === 'damaged' || !isMadeOn(found, ground.instances)) continue;
    return {kind: 'reuse', key, top: {generations, instances: [found.instance]}};
  }
  const unfit = known.find(current.key);
  const run = ({key, generations}: Place, isAnew: boolean) => ({
    ...({kind: 'run', key, isAnew, top: {generations, instances: undefined}} as const),
    ...(unfit === 'damaged' ? {isDamaged: true as const} : {}),
  });
  if (below.includes(known.generation)) return run(own, true);
  return isAskedFor || unfit !== undefined ? {...run(own, true), replaces: first} : run(current, false);
}

/** Whether a result was made on these instances, all of which are there. */
export function isMadeOn({on}: Pick<KnownResult, 'on'>, instances: Ground['instances']): boolean {
  return instances !== undefined && on.length === instances.length && on.every((one, i) => one === instances[i]);
}

/** Decides every step of a tree, from the lowest up. Pure: the same arguments give the same plan. */
export function planTree(tree: string, steps: readonly Step[], known: KnownResults): TreePlan {
  const keys = keysOf(steps);
  const lastById = new Map(known.last?.steps.map((step) => [step.id, step]));
  let top: Ground = {generations: [], instances: []};
  const decisions = steps.map((step, i): StepDecision => {
    const key = keys[i] as Sha256;
    const ground = groundOf(step, top);
    const asked = askedReason(step, known);
    const {top: above, ...result} = planResult(key, ground, asked !== undefined, known);
    top = above;
    if (result.kind === 'reuse') return {...result, step};
    const reason = asked ?? runReason(step, result, lastById.get(step.id), known);
    return {...result, step, reason};
  });
  return {tree, decisions, identity: keys.at(-1) ?? emptyTreeKey, top};
}

function askedReason({id}: Step, {rebuild, broken}: KnownResults): string | undefined {
  if (rebuild === 'all' || rebuild.has(id)) return 'asked for by --rebuild';
  return broken?.has(id) ? 'for the shell of a break' : undefined;
}

function runReason(
  step: Step,
  {key, isDamaged}: RunResult,
  last: BuildRecord['steps'][number] | undefined,
  known: KnownResults,
): string {
  if (!last) return known.last ? 'new step' : 'not built before';
  const changed = changedInputs(last.inputs, step.inputs);
  const told = changed.map((name) => known.words?.[name]).find((text) => text !== undefined);
  if (told !== undefined) return told;
  if (changed.length > 0) return `input changed: ${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ', …' : ''}`;
  if (isDamaged) return 'its result is damaged';
  if (last.key !== key) return 'follows a changed step';
  return 'its result is gone from the store';
}

function changedInputs(before: Readonly<Record<string, Sha256>>, inputs: Step['inputs']): string[] {
  const now = digestsOf(inputs);
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => before[name] !== now[name]).sort();
}

function digestsOf(inputs: Step['inputs']): Record<string, Sha256> {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, sha256(value)]));
}

export function recordOf(plan: TreePlan): BuildRecord {
  return {steps: plan.decisions.map(({step, key}) => ({id: step.id, key, inputs: digestsOf(step.inputs)}))};
}
