import {describe, expect, test} from 'vitest';
import type {Sha256} from '../base/index.js';
import {type BuildRecord, type KnownResults, keysOf, planTree, presentKeys, recordOf} from './plan.js';
import {resultKey, type Step} from './step.js';

function step(id: string, inputs: Record<string, string>): Step {
  return {id, place: 'inside', reach: 'none', work: {kind: 'script', script: id, args: []}, inputs};
}

const before = [step('a', {script: '1'}), step('b', {script: '1', config: 'x'}), step('c', {script: '1'})];
const nothing: KnownResults = {
  has: () => false,
  generations: new Map(),
  generation: 'now',
  last: undefined,
  rebuild: new Set(),
};

interface Options {
  readonly has?: readonly string[];
  readonly last?: BuildRecord;
  readonly rebuild?: 'all' | readonly string[];
  readonly generations?: KnownResults['generations'];
}

function planOf(steps: readonly Step[], {has = [], rebuild = [], generations, last}: Options) {
  return planTree('t', steps, {
    ...nothing,
    has: (key) => has.includes(key),
    last,
    rebuild: typeof rebuild === 'string' ? rebuild : new Set(rebuild),
    generations: generations ?? nothing.generations,
  });
}

function acts(steps: readonly Step[], options: Options) {
  const plan = planOf(steps, options);
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

  test('says of an input that has words what these are, in place of its name', () => {
    const now = (archive: string, source: string) => [step('a', {'package archive': archive, 'source trove': source})];
    const last = recordOf(planTree('t', now('1', 'abc'), nothing));
    const reasonOf = (steps: readonly Step[], words: Record<string, string>) => {
      const [decision] = planTree('t', steps, {...nothing, last, words}).decisions;
      return decision?.kind === 'run' ? decision.reason : undefined;
    };
    const moved = 'package list moved: libssl3 3.5.1 → 3.5.2';
    expect(reasonOf(now('2', 'abc'), {'package archive': moved})).toBe(moved);
    const source = 'source moved: trove abc → def';
    expect(reasonOf(now('1', 'def'), {'package archive': moved, 'source trove': source})).toBe(source);
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

  test('makes anew under keys of their own what is asked for and what stands on it, and identifies the same', () => {
    const keys = keysOf(before);
    const old = planOf(before, {has: keys});
    const plan = planOf(before, {has: keys, rebuild: ['b']});
    expect(plan.decisions.map(({key}) => keys.includes(key))).toEqual([true, false, false]);
    expect(plan.decisions[1]).toMatchObject({kind: 'run', replaces: keys[1]});
    expect(plan.decisions[2]).not.toHaveProperty('replaces');
    expect(plan).toMatchObject({identity: old.identity, generations: ['now'], resultKey: plan.decisions[2]?.key});
    expect(plan.resultKey).not.toBe(old.resultKey);
  });

  test('goes on with what was made anew, not with what stands on the old result', () => {
    const keys = keysOf(before);
    const generations = new Map([[keys[0] as Sha256, 'then']]);
    const [anew = ''] = presentKeys(before, generations);
    expect(acts(before, {has: [...keys, anew], generations})).toEqual([
      'reuse a',
      'run b: not built before',
      'run c: not built before',
    ]);
  });

  test('does not make anew again what this build has made, nor what stands on it', () => {
    const [a = '' as Sha256] = keysOf(before);
    const run = ['reuse a', 'run b: not built before', 'run c: not built before'];
    const generations = new Map([[a, 'now']]);
    const has = presentKeys(before, generations);
    expect(acts(before, {has: has.slice(0, 1), rebuild: ['a'], generations})).toEqual(run);
    expect(acts(before, {has, rebuild: 'all', generations})).toEqual(['reuse a', 'reuse b', 'reuse c']);
  });

  test('makes anew a result that is gone from under others, and those too', () => {
    const keys = keysOf(before);
    const last = recordOf(planTree('t', before, nothing));
    const plan = planOf(before, {has: [keys[0] ?? '', keys[2] ?? ''], last});
    expect(plan.decisions[1]).toMatchObject({reason: 'its result is gone from the store', replaces: keys[1]});
    expect(plan.decisions[2]).toMatchObject({kind: 'run', reason: 'follows a changed step'});
  });

  test('runs what takes in a tree of which results were made anew', () => {
    const takesIn = (generations: readonly string[]) => [before[0], {...before[1], takesIn: generations}] as Step[];
    const has = keysOf(takesIn([]));
    const plan = planOf(takesIn(['then']), {has});
    expect(plan.decisions.map(({kind}) => kind)).toEqual(['reuse', 'run']);
    expect(plan.resultKey).toBe(resultKey(has[1] as Sha256, ['then']));
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
