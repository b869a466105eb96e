import {canonicalJson, type Sha256, sha256} from '../base/index.js';
import type {Reach} from '../element/index.js';

/** Where a step's program runs: in the image's tree, or in the tools root with the tree at TARGET_ROOT. */
export type StepPlace = 'inside' | 'outside';

/** What a step does. Hooks are elements' own; the rest are the engine's. */
export type StepWork =
  | {readonly kind: 'hook'; readonly element: string; readonly phase: string; readonly name: string}
  /** A script of ours with its arguments. */
  | {readonly kind: 'script'; readonly script: string; readonly args: readonly string[]}
  /** Puts a container image into the store of the guest's Docker. */
  | {readonly kind: 'container'; readonly container: string}
  /** Writes the file that says what the image holds. */
  | {readonly kind: 'manifest'};

/** One act of a build whose result is kept: an overlay on the results before it. */
export interface Step {
  /** `trove-docker/install.d/30-docker`, or `engine/…` for the engine's own. */
  readonly id: string;
  readonly place: StepPlace;
  readonly reach: Reach;
  readonly work: StepWork;
  /** All that can change its result beside the steps before it: a name fit for people → a digest or a value. */
  readonly inputs: Readonly<Record<string, string>>;
  /** What another tree, which it puts into this one, ends with. */
  readonly takesIn?: Ground;
}

/** What a result stands on. */
export interface Ground {
  /** Of the results that were made anew. */
  readonly generations: readonly string[];
  /** The result right below, and what it takes in; undefined while some of it is yet to be made. */
  readonly instances: readonly string[] | undefined;
}

/** Raised when the engine itself comes to do the same step differently, by other than its scripts, which are inputs. */
const engineForm = 3;

/** The digest of all that shapes a step's result. */
export function stepKey(step: Step, before: Sha256): Sha256 {
  const {id, place, reach, inputs} = step;
  return sha256(canonicalJson({engineForm, id, place, reach, work: step.work, inputs, before}));
}

/** The key of a result that is of certain generations, or stands on some. Without one it is the step's. */
export function resultKey(key: Sha256, generations: readonly string[]): Sha256 {
  return generations.length === 0 ? key : sha256(canonicalJson({key, generations}));
}

export function withGeneration(generations: readonly string[], one: string): readonly string[] {
  return generations.includes(one) ? generations : [...generations, one];
}

/** The key before the first step. */
export const emptyTreeKey = sha256('an empty tree');
