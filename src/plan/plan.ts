import {type Sha256, sha256} from '../base/index.js';
import {emptyTreeKey, type Step, stepKey} from './step.js';

/** What happens to one step of a build, and why. */
export type StepDecision =
  | {readonly kind: 'reuse'; readonly step: Step; readonly key: Sha256}
  | {
      readonly kind: 'run';
      readonly step: Step;
      readonly key: Sha256;
      readonly reason: string;
      /** The store has a result, which is to be replaced. */
      readonly isRepeat: boolean;
    };

export interface TreePlan {
  readonly tree: string;
  readonly decisions: readonly StepDecision[];
  readonly resultKey: Sha256;
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
  readonly last: BuildRecord | undefined;
  /** Ids of steps to run again whatever the store has, or all of them. */
  readonly rebuild: 'all' | ReadonlySet<string>;
  /** Keys of the steps that this build has run again. */
  readonly repeated: ReadonlySet<Sha256>;
  /** What to say of a changed input, by its name, in place of that. */
  readonly words?: Readonly<Record<string, string>>;
}

/** Each step's key, in order. */
export function keysOf(steps: readonly Step[], before: Sha256 = emptyTreeKey): Sha256[] {
  let key = before;
  return steps.map((step) => {
    key = stepKey(step, key);
    return key;
  });
}

/** Decides every step of a tree. Pure: the same arguments give the same plan. */
export function planTree(tree: string, steps: readonly Step[], known: KnownResults): TreePlan {
  const keys = keysOf(steps);
  const lastById = new Map(known.last?.steps.map((step) => [step.id, step]));
  let mustFollow = false;
  const decisions = steps.map((step, i): StepDecision => {
    const key = keys[i] as Sha256;
    const isAskedFor = known.rebuild === 'all' || known.rebuild.has(step.id);
    const isDone = known.repeated.has(key);
    if (known.has(key) && (isDone || (!isAskedFor && !mustFollow))) {
      if (isDone && isAskedFor) mustFollow = true;
      return {kind: 'reuse', step, key};
    }
    const reason = isAskedFor ? 'asked for by --rebuild' : runReason(step, key, lastById.get(step.id), known);
    // The same inputs may give another result this time, so what was made on top of the old one is made again.
    if (isAskedFor) mustFollow = true;
    return {kind: 'run', step, key, reason, isRepeat: known.has(key)};
  });
  return {tree, decisions, resultKey: keys.at(-1) ?? emptyTreeKey};
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
  if (last.key !== key || known.has(key)) return 'follows a changed step';
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
