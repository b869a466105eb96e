import {compareCodePoints} from '../base/index.js';

/** Something in the store that can be made or fetched again. */
export interface Prunable {
  readonly kind: string;
  /** Its name in the folder of its kind. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly lastUsedAt: Date;
  /** What it is needed for, in words; absent when nothing is known to need it. */
  readonly neededBy?: string;
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
 * the rest is larger than the size, what was used longest ago. Pure.
 * @param otherBytes What the store takes beside the items.
 * @returns In the order of the last use, the oldest first.
 */
export function planPrune<T extends Prunable>(
  items: readonly T[],
  limits: PruneLimits,
  now: Date,
  otherBytes = 0,
): PruneDecision<T>[] {
  const ordered = [...items].sort(
    (a, b) => a.lastUsedAt.getTime() - b.lastUsedAt.getTime() || compareCodePoints(a.name, b.name),
  );
  const isOld = (item: T) =>
    limits.maxAgeMs !== undefined && now.getTime() - item.lastUsedAt.getTime() > limits.maxAgeMs;
  let leftBytes = otherBytes + items.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  const old = new Set(ordered.filter((item) => item.neededBy === undefined && isOld(item)));
  for (const {sizeBytes} of old) leftBytes -= sizeBytes;
  return ordered.map((item): PruneDecision<T> => {
    if (item.neededBy !== undefined) return {item, act: 'keep', reason: item.neededBy};
    if (old.has(item)) return {item, act: 'remove', reason: `last used ${daysBefore(now, item.lastUsedAt)}`};
    if (limits.maxSizeBytes === undefined || leftBytes <= limits.maxSizeBytes) {
      return {item, act: 'keep', reason: 'within the limits'};
    }
    leftBytes -= item.sizeBytes;
    return {item, act: 'remove', reason: 'the store is larger than asked for'};
  });
}

function daysBefore(now: Date, then: Date): string {
  const days = Math.floor((now.getTime() - then.getTime()) / 86_400_000);
  return days === 0 ? 'today' : days === 1 ? 'a day ago' : `${days} days ago`;
}
