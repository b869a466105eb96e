import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {expect} from 'vitest';
import {removeTree} from '../../src/store/index.js';
import {descendants, stillRunning} from './descendants.js';
import {hostTraces} from './host.js';
import {runTrovestack, startTrovestack} from './trovestack.js';

interface Built {
  readonly sha256: string;
  readonly stepsRun: number;
}

/** What a round's build finds in the store: all of an earlier build; nothing but the tools and packages; packages alone. */
type Start = 'warm' | 'without results' | 'empty';

/** Builds, is killed at a random moment, and builds again, many times over with one store.
 * Each time nothing may be left on the machine, and the second build has to give what an undisturbed one gives, of steps and not
 * of a finished image, in a store where every result is whole. The killed build makes all anew; every fifth one starts without
 * results, every twentieth in an empty store.
 * @param args Of a build, with `--output json`.
 * @param seed Chooses the moments; the same seed chooses the same ones.
 */
export async function killAtRandomMoments(args: readonly string[], store: string, count: number, seed: number) {
  const env = {TROVESTACK_STORE: store};
  const build = async (more: readonly string[]): Promise<Built> => {
    const {exitCode, stdout, stderr} = await runTrovestack([...args, ...more], {env});
    expect({exitCode, stderr: exitCode === 0 ? '' : stderr}).toEqual({exitCode: 0, stderr: ''});
    return JSON.parse(stdout) as Built;
  };
  const timed = async (start: Start): Promise<number> => {
    await emptyStore(store, start);
    const startedAt = performance.now();
    await build(['--rebuild']);
    return performance.now() - startedAt;
  };
  const {sha256: undisturbed} = await build([]); // with the tools root, which takes long once
  const starts = Array.from({length: count}, (_, round) => startOf(round));
  const coldMs = starts.includes('empty') ? await timed('empty') : 0;
  const warmMs = await timed('warm');
  const random = randomNumbers(seed);
  for (const [round, start] of starts.entries()) {
    const momentMs = random() * (start === 'empty' ? coldMs : warmMs);
    const where = `round ${round} of seed ${seed}, ${start}, killed after ${momentMs.toFixed(0)} ms`;
    await emptyStore(store, start);
    const running = startTrovestack([...args, '--rebuild'], {env});
    await new Promise((resolve) => setTimeout(resolve, momentMs));
    const started = descendants(running.pid);
    running.kill('SIGKILL');
    await running.result;
    await expect.poll(() => stillRunning(started), {timeout: 10_000, message: where}).toEqual([]);
    expect(
      hostTraces().mounts.filter((line) => line.includes(store)),
      where,
    ).toEqual([]);
    await removeTree(join(store, 'images')); // or the second build had but to copy one
    const {sha256, stepsRun} = await build([]);
    expect({sha256, isBuilt: stepsRun > 0}, where).toEqual({sha256: undisturbed, isBuilt: true});
    expect(await readdir(join(store, 'work')), where).toEqual([]);
    const {exitCode, stdout, stderr} = await runTrovestack(['store', 'verify'], {env});
    expect({exitCode, stdout, stderr}, where).toMatchObject({exitCode: 0});
  }
}

function startOf(round: number): Start {
  if (round % 20 === 19) return 'empty';
  return round % 5 === 4 ? 'without results' : 'warm';
}

async function emptyStore(store: string, start: Start): Promise<void> {
  if (start === 'warm') return;
  const results = ['steps', 'images', 'environments', 'generations', 'replaced'];
  const names = start === 'empty' ? [...results, 'roots', 'builds'] : results;
  await removeTree(...names.map((name) => join(store, name)));
}

/** Numbers from 0 to 1, as mulberry32 makes them. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
