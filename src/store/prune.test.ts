import {describe, expect, test} from 'vitest';
import {type Prunable, planPrune} from './prune.js';

const now = new Date('2026-11-22T12:00:00Z');
const item = (name: string, daysAgo: number, sizeBytes: number, neededBy?: string): Prunable => ({
  kind: 'steps',
  name,
  sizeBytes,
  lastUsedAt: new Date(now.getTime() - daysAgo * 86_400_000),
  ...(neededBy === undefined ? {} : {neededBy}),
});
const items = [item('new', 0, 10), item('old', 40, 10), item('older', 50, 10, 'devcloud "x"'), item('middle', 20, 10)];
const removed = (limits: Parameters<typeof planPrune>[1], otherBytes = 0) =>
  planPrune(items, limits, now, otherBytes)
    .filter(({act}) => act === 'remove')
    .map(({item: {name}, reason}) => `${name}: ${reason}`);

describe('pruning', () => {
  test('by age removes what was not used for longer, not what is needed', () => {
    expect(removed({maxAgeMs: 30 * 86_400_000})).toEqual(['old: last used 40 days ago']);
  });

  test('by size removes what was used longest ago, until the rest is small enough', () => {
    expect(removed({maxSizeBytes: 30})).toEqual(['old: the store is larger than asked for']);
    expect(removed({maxSizeBytes: 30}, 5)).toHaveLength(2);
    expect(removed({maxSizeBytes: 0})).toHaveLength(3);
    expect(removed({maxSizeBytes: 40})).toEqual([]);
  });

  test('by both counts what went by age first', () => {
    expect(removed({maxAgeMs: 30 * 86_400_000, maxSizeBytes: 30})).toEqual(['old: last used 40 days ago']);
  });

  test('says why something stays', () => {
    expect(planPrune(items, {}, now).map(({item: {name}, act, reason}) => `${name} ${act}: ${reason}`)).toEqual([
      'older keep: devcloud "x"',
      'old keep: within the limits',
      'middle keep: within the limits',
      'new keep: within the limits',
    ]);
  });

  describe('of results on one another', () => {
    const on = (lower: Prunable, upper: Prunable): Prunable => ({...upper, on: [`instance of ${lower.name}`]});
    const result = (...args: Parameters<typeof item>): Prunable => ({
      ...item(...args),
      instance: `instance of ${args[0]}`,
    });
    const decide = (some: readonly Prunable[], limits: Parameters<typeof planPrune>[1]) =>
      planPrune(some, limits, now).map(({item: {name}, act}) => `${act} ${name}`);

    test('takes the topmost first, however they were used', () => {
      const low = result('low', 50, 10);
      const middle = on(low, result('middle', 50, 10));
      const top = on(middle, result('top', 60, 10));
      expect(decide([low, middle, top], {maxSizeBytes: 20})).toEqual(['remove top', 'keep middle', 'keep low']);
      expect(decide([low, top, middle], {maxSizeBytes: 0})).toEqual(['remove top', 'remove middle', 'remove low']);
    });

    test('takes nothing from under what is used, or needed', () => {
      const low = result('low', 50, 10);
      expect(decide([low, on(low, result('used', 1, 10))], {maxAgeMs: 30 * 86_400_000})).toEqual([
        'keep used',
        'keep low',
      ]);
      expect(decide([low, on(low, result('needed', 50, 10, 'devcloud "x"'))], {maxSizeBytes: 0})).toEqual([
        'keep needed',
        'keep low',
      ]);
    });
  });
});
