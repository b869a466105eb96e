import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {expect} from 'vitest';
import {descendants, stillRunning} from './descendants.js';
import {hostTraces} from './host.js';
import {runTrovestack, startTrovestack} from './trovestack.js';

interface Built {
  readonly sha256: string;
}

/** Builds, is killed at a random moment, and builds again, many times over with one store.
 * Each time nothing may be left on the machine, and the second build has to give what an undisturbed one gives.
 * @param args Of a build, with `--output json`.
 * @param seed Chooses the moments; the same seed chooses the same ones.
 */
export async function killAtRandomMoments(args: readonly string[], store: string, count: number, seed: number) {
  const env = {TROVESTACK_STORE: store};
  const build = async (more: readonly string[]): Promise<string> => {
    const {exitCode, stdout, stderr} = await runTrovestack([...args, ...more], {env});
    expect({exitCode, stderr: exitCode === 0 ? '' : stderr}).toEqual({exitCode: 0, stderr: ''});
    return (JSON.parse(stdout) as Built).sha256;
  };
  await build([]); // with the tools root, which takes long once
  const startedAt = performance.now();
  const undisturbed = await build(['--rebuild']);
  const durationMs = performance.now() - startedAt;
  const random = randomNumbers(seed);
  for (let round = 0; round < count; round++) {
    const momentMs = random() * durationMs;
    const where = `round ${round} of seed ${seed}, killed after ${momentMs.toFixed(0)} ms`;
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
    expect(await build([]), where).toBe(undisturbed);
    expect(await readdir(join(store, 'work')), where).toEqual([]);
  }
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
