import type {Sha256} from '../base/index.js';

/** Kinds of results; each has a folder of its own. */
export const resultKinds = ['steps', 'roots', 'images', 'environments', 'indexes'] as const;
export type ResultKind = (typeof resultKinds)[number];

/** A result in the store, whole or not, and what it stands on. */
export interface KeptResult {
  readonly kind: ResultKind;
  readonly key: Sha256;
  readonly instance: string;
  /** Instances of the results that it was made of, or on. */
  readonly on: readonly string[];
}

/** Results with all that was made on them, also by way of others; what stands on another comes before it. Pure. */
export function withAllOn<T extends Pick<KeptResult, 'instance' | 'on'>>(lowest: readonly T[], all: readonly T[]): T[] {
  const upper = new Map<string, T[]>();
  for (const result of all) {
    for (const below of result.on) {
      const known = upper.get(below);
      if (known) known.push(result);
      else upper.set(below, [result]);
    }
  }
  const seen = new Set<T>();
  const ordered: T[] = [];
  const visit = (result: T) => {
    if (seen.has(result)) return;
    seen.add(result);
    for (const above of upper.get(result.instance) ?? []) visit(above);
    ordered.push(result);
  };
  for (const result of lowest) visit(result);
  return ordered;
}
