import {describe, expect, test} from 'vitest';
import type {Sha256} from '../base/index.js';
import {type BuildRecord, keysOf, planTree, recordOf} from './plan.js';
import type {Step} from './step.js';

function step(id: string, inputs: Record<string, string>): Step {
  return {id, place: 'inside', usesNetwork: false, work: {kind: 'script', script: id, args: []}, inputs};
}

const before = [step('a', {script: '1'}), step('b', {script: '1', config: 'x'}), step('c', {script: '1'})];
const nothing = {has: () => false, last: undefined, rebuild: new Set<string>(), repeated: new Set<never>()};

function acts(
  steps: readonly Step[],
  options: {has?: readonly string[]; last?: BuildRecord; rebuild?: 'all' | string[]; repeated?: readonly Sha256[]},
) {
  const {rebuild = []} = options;
  const plan = planTree('t', steps, {
    has: (key) => options.has?.includes(key) ?? false,
    last: options.last,
    rebuild: rebuild === 'all' ? rebuild : new Set(rebuild),
    repeated: new Set(options.repeated),
  });
  return plan.decisions.map((d) => (d.kind === 'run' ? `run ${d.step.id}: ${d.reason}` : `reuse ${d.step.id}`));
}

describe('a plan', () => {
  test('runs everything when nothing was built before', () => {
    expect(acts(before, {})).toEqual(['run a: not built before', 'run b: not built before', 'run c: not built before']);
  });

  test('reuses everything when nothing changed', () => {
    expect(acts(before, {has: keysOf(before)})).toEqual(['reuse a', 'reuse b', 'reuse c']);
  });

  test('runs a step whose input changed, by name, and those after it', () => {
    const last = recordOf(planTree('t', before, nothing));
    const now = [step('a', {script: '1'}), step('b', {script: '1', config: 'y'}), step('c', {script: '1'})];
    expect(acts(now, {has: keysOf(before), last})).toEqual([
      'reuse a',
      'run b: input changed: config',
      'run c: follows a changed step',
    ]);
  });

  test('is recorded without the values of its inputs', () => {
    const last = recordOf(planTree('t', [step('a', {'variable DIB_TOKEN': 'hunter2'})], nothing));
    expect(Object.keys(last.steps[0]?.inputs ?? {})).toEqual(['variable DIB_TOKEN']);
    expect(JSON.stringify(last)).not.toContain('hunter2');
  });

  test('says when a step is new, and when its result was removed', () => {
    const last = recordOf(planTree('t', before.slice(0, 2), nothing));
    const [a] = keysOf(before);
    expect(acts(before, {has: a ? [a] : [], last})).toEqual([
      'reuse a',
      'run b: its result is gone from the store',
      'run c: new step',
    ]);
  });

  test('runs again what is asked for, and all that stands on it', () => {
    const last = recordOf(planTree('t', before, nothing));
    expect(acts(before, {has: keysOf(before), last, rebuild: ['b']})).toEqual([
      'reuse a',
      'run b: asked for by --rebuild',
      'run c: follows a changed step',
    ]);
    expect(acts(before, {has: keysOf(before), last, rebuild: 'all'})[0]).toBe('run a: asked for by --rebuild');
  });

  test('does not run again what this build has run again, only what stands on it', () => {
    const keys = keysOf(before);
    expect(acts(before, {has: keys, rebuild: ['a'], repeated: keys.slice(0, 1)})).toEqual([
      'reuse a',
      'run b: not built before',
      'run c: not built before',
    ]);
  });
});

describe('a step key', () => {
  test('covers the steps before it, and does not depend on the order in which inputs are named', () => {
    const [, b1] = keysOf([step('a', {x: '1'}), step('b', {p: '1', q: '2'})]);
    const [, b2] = keysOf([step('a', {x: '1'}), step('b', {q: '2', p: '1'})]);
    const [, b3] = keysOf([step('a', {x: '2'}), step('b', {p: '1', q: '2'})]);
    expect(b1).toBe(b2);
    expect(b1).not.toBe(b3);
  });
});
