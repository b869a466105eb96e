import {type Sha256, sha256} from '../base/index.js';
import {emptyTreeKey, resultKey, type Step, stepKey, withGeneration} from './step.js';

/** What happens to one step of a build, and why. */
export type StepDecision =
  | {readonly kind: 'reuse'; readonly step: Step; readonly key: Sha256}
  | {
      readonly kind: 'run';
      readonly step: Step;
      readonly key: Sha256;
      readonly reason: string;
      /** The key that the new result stands for from now on, in place of the one that did. */
      readonly replaces?: Sha256;
    };

export interface TreePlan {
  readonly tree: string;
  readonly decisions: readonly StepDecision[];
  readonly resultKey: Sha256;
  /** What the tree is made of, whichever generation its results are: what it identifies is the same for all of them. */
  readonly identity: Sha256;
  /** Of the results that were made anew. */
  readonly generations: readonly string[];
}

/** What the last build of a tree was made of. Of each input only the digest is kept: values may be secret. */
export interface BuildRecord {
  readonly steps: readonly {
    readonly id: string;
    readonly key: Sha256;
    readonly inputs: Readonly<Record<string, Sha256>>;
  }[];
}

/** What the store and the person say about a tree's steps. */
export interface KnownResults {
  readonly has: (key: Sha256) => boolean;
  /** Keys whose results were made anew → the generation that stands for them now. */
  readonly generations: Generations;
  /** The generation of what this build makes anew. */
  readonly generation: string;
  readonly last: BuildRecord | undefined;
  /** Ids of steps to run again whatever the store has, or all of them. */
  readonly rebuild: 'all' | ReadonlySet<string>;
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

/** Under which keys the store has the steps' results, if it has them. */
export function presentKeys(steps: readonly Step[], generations: Generations): Sha256[] {
  let sofar: readonly string[] = [];
  return keysOf(steps).map((key, i) => {
    const place = placeOf(key, sofar, steps[i], generations);
    sofar = place.generations;
    return place.key;
  });
}

interface Place {
  /** Those of the results below it. */
  readonly below: readonly string[];
  /** Its key without a generation of its own. */
  readonly first: Sha256;
  readonly key: Sha256;
  readonly generations: readonly string[];
}

function placeOf(key: Sha256, before: readonly string[], step: Step | undefined, known: Generations): Place {
  const below = (step?.takesIn ?? []).reduce(withGeneration, before);
  const first = resultKey(key, below);
  const own = known.get(first);
  const generations = own === undefined ? below : withGeneration(below, own);
  return {below, first, key: resultKey(key, generations), generations};
}

/** Decides every step of a tree. A result that is made anew gets a key of its own, and so have those on top of it: what builds
 * at work stand on stays as it is, and nothing made on the old result is taken for one made on the new. A result that is gone
 * while others stand on it is made anew likewise. Pure: the same arguments give the same plan.
 */
export function planTree(tree: string, steps: readonly Step[], known: KnownResults): TreePlan {
  const keys = keysOf(steps);
  const lastPresent = presentKeys(steps, known.generations).findLastIndex((key) => known.has(key));
  const lastById = new Map(known.last?.steps.map((step) => [step.id, step]));
  let generations: readonly string[] = [];
  const decisions = steps.map((step, i): StepDecision => {
    const key = keys[i] as Sha256;
    const place = placeOf(key, generations, step, known.generations);
    const isThere = known.has(place.key);
    const isAskedFor = known.rebuild === 'all' || known.rebuild.has(step.id);
    const isNew = place.generations.includes(known.generation);
    const isAnew = !isNew && (isAskedFor || (!isThere && i < lastPresent));
    generations = isAnew ? withGeneration(place.below, known.generation) : place.generations;
    if (isThere && !isAnew) return {kind: 'reuse', step, key: place.key};
    const reason = isAskedFor ? 'asked for by --rebuild' : runReason(step, place.key, lastById.get(step.id), known);
    const replaces = isAnew ? {replaces: place.first} : {};
    return {kind: 'run', step, key: resultKey(key, generations), reason, ...replaces};
  });
  const [identity, last] = [keys.at(-1) ?? emptyTreeKey, decisions.at(-1)?.key ?? emptyTreeKey];
  return {tree, decisions, resultKey: last, identity, generations};
}

function runReason(
  step: Step,
  key: Sha256,
  last: BuildRecord['steps'][number] | undefined,
  known: KnownResults,
): string {
  if (!last) return known.last ? 'new step' : 'not built before';
  const changed = changedInputs(last.inputs, step.inputs);
  const told = changed.map((name) => known.words?.[name]).find((text) => text !== undefined);
  if (told !== undefined) return told;
  if (changed.length > 0) return `input changed: ${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ', …' : ''}`;
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
