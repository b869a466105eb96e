import {describe, expect, test} from 'vitest';
import type {Sha256} from '../base/index.js';
import {
  type BuildRecord,
  type KnownResult,
  type KnownResults,
  keysOf,
  planResult,
  planTree,
  presentKeys,
  recordOf,
  type TreePlan,
} from './plan.js';
import {type Ground, resultKey, type Step} from './step.js';

function step(id: string, inputs: Record<string, string>): Step {
  return {id, place: 'inside', reach: 'none', work: {kind: 'script', script: id, args: []}, inputs};
}

const before = [step('a', {script: '1'}), step('b', {script: '1', config: 'x'}), step('c', {script: '1'})];
const nothing: KnownResults = {
  find: () => undefined,
  generations: new Map(),
  generation: 'now',
  last: undefined,
  rebuild: new Set(),
};

interface Options {
  /** Keys of results, each made on the one before it. */
  readonly has?: readonly string[];
  /** What the store has, in all its variety. */
  readonly results?: ReadonlyMap<string, KnownResult | 'damaged'>;
  readonly last?: BuildRecord;
  readonly rebuild?: 'all' | readonly string[];
  readonly generations?: KnownResults['generations'];
  readonly generation?: string;
}

/** Results on one another, the lowest first. */
function tower(keys: readonly string[], made = 'then'): Map<string, KnownResult> {
  const instances = keys.map((key) => `${key} ${made}`);
  return new Map(
    keys.map((key, i) => [key, {instance: instances[i] ?? '', on: instances.slice(Math.max(i - 1, 0), i)}]),
  );
}

function planOf(steps: readonly Step[], {has = [], rebuild = [], results, ...known}: Options) {
  const found = results ?? tower(has);
  return planTree('t', steps, {
    ...nothing,
    ...known,
    find: (key) => found.get(key),
    rebuild: typeof rebuild === 'string' ? rebuild : new Set(rebuild),
  });
}

/** A store that builds leave their results in, as `run-tree.ts` does. */
class Results {
  readonly found = new Map<string, KnownResult>();
  readonly generations = new Map<Sha256, string>();
  #count = 0;

  plan(steps: readonly Step[], more: Pick<Options, 'rebuild' | 'generation'> = {}): TreePlan {
    return planOf(steps, {results: this.found, generations: this.generations, ...more});
  }

  /** @returns Instances of its results, the lowest first. */
  build(steps: readonly Step[], more: Pick<Options, 'rebuild' | 'generation'> = {}): string[] {
    return this.run(this.plan(steps, more), more.generation);
  }

  run(plan: TreePlan, generation = 'now', taken: readonly string[] = []): string[] {
    const made: string[] = [];
    for (const decision of plan.decisions) {
      const on = [...made.slice(-1), ...(decision.step.takesIn ? taken : [])];
      const found = this.found.get(decision.key);
      if (found) expect(found.on).toEqual(on);
      else this.found.set(decision.key, {instance: `${decision.step.id}${++this.#count}`, on});
      if (decision.kind === 'run' && decision.replaces) this.generations.set(decision.replaces, generation);
      made.push(this.found.get(decision.key)?.instance ?? '');
    }
    return made;
  }

  lose(keys: readonly string[]): void {
    for (const key of keys) this.found.delete(key);
  }
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
    expect(plan).toMatchObject({
      identity: old.identity,
      top: {generations: ['now'], instances: undefined},
    });
  });

  test('goes on with what was made anew, not with what stands on the old result', () => {
    const keys = keysOf(before);
    const generations = new Map([[keys[0] as Sha256, 'then']]);
    const [anew = ''] = presentKeys(before, generations);
    const results = new Map([...tower(keys), ...tower([anew])]);
    expect(acts(before, {results, generations})).toEqual([
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

  test('makes again a result that is gone, and those that stood on it anew', () => {
    const keys = keysOf(before);
    const last = recordOf(planTree('t', before, nothing));
    const results = tower(keys);
    results.delete(keys[1] ?? '');
    const [, b, c] = planOf(before, {results, last}).decisions;
    expect(b).toMatchObject({key: keys[1], isAnew: false, reason: 'its result is gone from the store'});
    expect(c).toMatchObject({isAnew: true, reason: 'follows a changed step', replaces: keys[2]});
  });

  test('makes a damaged result anew, and says so', () => {
    const keys = keysOf(before);
    const last = recordOf(planTree('t', before, nothing));
    const results = new Map<string, KnownResult | 'damaged'>([...tower(keys), [keys[2] ?? '', 'damaged']]);
    const [, , c] = planOf(before, {results, last}).decisions;
    expect(c).toMatchObject({isAnew: true, reason: 'its result is damaged', replaces: keys[2]});
  });

  test('puts nothing on a result that it was not made on, though another tree made that one again', () => {
    const results = new Results();
    const other = [...before.slice(0, 2), step('y', {})];
    const old = results.build(before);
    results.build(other);
    results.lose(keysOf(before).slice(0, 2));
    const [a, b] = results.build(other);
    const now = results.build(before);
    expect(now.slice(0, 2)).toEqual([a, b]);
    expect(now[2]).not.toBe(old[2]);
    expect(results.build(before)).toEqual(now);
  });

  test('puts nothing on a result that hooks of extra-data.d hid from the first plan', () => {
    const results = new Results();
    const [a, b, c] = before as [Step, Step, Step];
    const added = step('added', {});
    const old = results.build([a, b, added, c]);
    results.lose([keysOf(before)[1] ?? '']);
    const plan = results.plan([a, b, c]);
    results.run({...plan, decisions: plan.decisions.slice(0, 2)}); // those that are certain
    const now = results.build([a, b, added, c]);
    expect(now[0]).toBe(old[0]);
    expect(now.filter((one) => old.includes(one))).toEqual([old[0]]);
  });

  test('two builds that make everything anew at once both end, each with its own results', () => {
    const results = new Results();
    const first = before.slice(0, 2);
    const builds = ['one', 'two'].map((generation) => ({generation, rebuild: 'all'}) as const);
    const made = builds.map((build) => results.build(first, build));
    expect(
      builds.map((build) => acts(before, {...build, results: results.found, generations: results.generations})),
    ).toEqual(Array(2).fill(['reuse a', 'reuse b', 'run c: asked for by --rebuild']));
    expect(builds.map((build) => results.build(before, build).slice(0, 2))).toEqual(made);
    expect(results.build(before).slice(0, 2)).toEqual(made[1]);
  });

  test('runs what takes in a tree of which results were made anew', () => {
    const takesIn = (generations: readonly string[]) =>
      [before[0], {...before[1], takesIn: {generations, instances: ['x']}}] as Step[];
    const has = keysOf(takesIn([]));
    const plan = planOf(takesIn(['then']), {has});
    expect(plan.decisions.map(({kind}) => kind)).toEqual(['reuse', 'run']);
    expect(plan.decisions[1]?.key).toBe(resultKey(has[1] as Sha256, ['then']));
  });

  test('runs what takes in a tree that was made again under the same keys', () => {
    const takesIn = (instances: Ground['instances']) =>
      [before[0], {...before[1], takesIn: {generations: [], instances}}] as Step[];
    const results = new Results();
    results.run(results.plan(takesIn(['x'])), 'now', ['x']);
    const kinds = (instances: Ground['instances']) => results.plan(takesIn(instances)).decisions.map(({kind}) => kind);
    expect([['x'], ['y'], undefined].map(kinds)).toEqual([
      ['reuse', 'reuse'],
      ['reuse', 'run'],
      ['reuse', 'run'],
    ]);
  });
});

describe("an image's plan", () => {
  const image = keysOf(before)[0] as Sha256;
  const planImage = (results: ReadonlyMap<string, KnownResult>, ground: Ground) =>
    planResult(image, ground, false, {...nothing, find: (key) => results.get(key)});

  test('does not take an image of a tree that was there before', () => {
    const results = new Map([[image, {instance: 'i', on: ['old']}]]);
    expect(planImage(results, {generations: [], instances: ['old']})).toMatchObject({kind: 'reuse', key: image});
    for (const instances of [['new'], undefined]) {
      expect(planImage(results, {generations: [], instances})).toMatchObject({
        kind: 'run',
        isAnew: true,
        replaces: image,
      });
    }
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
