import type {ExaminedImage} from './examined-image.js';

/** `error`: the guest will not serve, or gives something away. `warning`: it serves, worse than it could. */
export type Severity = 'error' | 'warning';

/** One thing that doesn't hold in an image. */
export interface Finding {
  /** In the image; absent when it is about no file. */
  readonly path?: string;
  /** What was found, fit for a line of the terminal. */
  readonly detail: string;
}

/** One thing that has to hold in a guest image. */
export interface Rule {
  /** `group.name`; keeps its meaning for good. */
  readonly id: string;
  readonly severity: Severity;
  /** What holds where nothing is found. */
  readonly statement: string;
  /** What goes wrong otherwise. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Where the reason is known from. */
  readonly source: string;
  /** Nothing when the rule holds, or has nothing to say of such an image. */
  readonly find: (image: ExaminedImage) => readonly Finding[];
}

/** A finding without a file. */
export function fact(detail: string): Finding[] {
  return [{detail}];
}

export function at(path: string, detail: string): Finding {
  return {path, detail};
}
