import {compareCodePoints} from '../base/index.js';
import {withAllOn} from './standing.js';

/** Something in the store that can be made or fetched again. */
export interface Prunable {
  readonly kind: string;
  /** Its name in the folder of its kind. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly lastUsedAt: Date;
  /** What it is needed for, in words; absent when nothing is known to need it. */
  readonly neededBy?: string;
  /** Of a result. */
  readonly instance?: string;
  /** Instances of what it was made on. */
  readonly on?: readonly string[];
}

export interface PruneLimits {
  /** All of the store together. */
  readonly maxSizeBytes?: number;
  /** Time since the last use. */
  readonly maxAgeMs?: number;
}

export interface PruneDecision<T extends Prunable> {
  readonly item: T;
  readonly act: 'keep' | 'remove';
  /** In words. */
  readonly reason: string;
}

/** Decides what goes: what is needed stays whatever the limits; then all that is older than the age goes; then, as long as
 * the rest is larger than the size, what was used longest ago. What others were made on is needed and used as they are, so
 * that nothing goes from under what stays. Pure.
 * @param otherBytes What the store takes beside the items.
 * @returns In the order of the last use, the oldest first; what stands on another before it.
 */
export function planPrune<T extends Prunable>(
  items: readonly T[],
  limits: PruneLimits,
  now: Date,
  otherBytes = 0,
): PruneDecision<T>[] {
  const ordered = withUppers(items).sort((a, b) => a.usedAt - b.usedAt || b.height - a.height);
  const isOld = ({usedAt}: Placed<T>) => limits.maxAgeMs !== undefined && now.getTime() - usedAt > limits.maxAgeMs;
  let leftBytes = otherBytes + items.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  const old = new Set(ordered.filter((placed) => placed.neededBy === undefined && isOld(placed)));
  for (const {item} of old) leftBytes -= item.sizeBytes;
  return ordered.map((placed): PruneDecision<T> => {
    const {item, neededBy, usedAt} = placed;
    if (neededBy !== undefined) return {item, act: 'keep', reason: neededBy};
    if (old.has(placed)) return {item, act: 'remove', reason: `last used ${daysBefore(now, usedAt)}`};
    if (limits.maxSizeBytes === undefined || leftBytes <= limits.maxSizeBytes) {
      return {item, act: 'keep', reason: 'within the limits'};
    }
    leftBytes -= item.sizeBytes;
    return {item, act: 'remove', reason: 'the store is larger than asked for'};
  });
}

/** A thing with what counts for it. */
interface Placed<T> {
  readonly item: T;
  /** Of the uses of it and of all that stands on it, the last. */
  readonly usedAt: number;
  readonly neededBy: string | undefined;
  /** How many are below it: what stands on another is higher. */
  readonly height: number;
}

function withUppers<T extends Prunable>(items: readonly T[]): Placed<T>[] {
  const results = [...items]
    .sort((a, b) => compareCodePoints(a.name, b.name))
    .map((item) => ({item, instance: item.instance ?? item.name, on: item.on ?? []}));
  const placed: Placed<T>[] = [];
  const above = new Map<string, {usedAt: number; neededBy: string | undefined}>();
  // Whatever stands on a result comes before it.
  const fromTop = withAllOn(results, results);
  for (const [i, {item, instance, on}] of fromTop.entries()) {
    const upper = above.get(instance);
    const usedAt = Math.max(item.lastUsedAt.getTime(), upper?.usedAt ?? 0);
    const neededBy = item.neededBy ?? upper?.neededBy;
    placed.push({item, usedAt, neededBy, height: fromTop.length - i});
    for (const below of on) {
      const known = above.get(below);
      above.set(below, {usedAt: Math.max(usedAt, known?.usedAt ?? 0), neededBy: neededBy ?? known?.neededBy});
    }
  }
  return placed;
}

function daysBefore(now: Date, thenMs: number): string {
  const days = Math.floor((now.getTime() - thenMs) / 86_400_000);
  return days === 0 ? 'today' : days === 1 ? 'a day ago' : `${days} days ago`;
}
