import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import type {World} from '../base/index.js';

export interface TestRequest {
  readonly all?: boolean;
  readonly only?: string;
  readonly emptyStore?: boolean;
}

/** Runs this repository's tests on its terminal.
 * @returns Their exit code.
 */
export async function runTests(request: TestRequest, world: World): Promise<number> {
  const args = [
    ...(request.all ? ['--all'] : []),
    ...(request.only ? ['--only', request.only] : []),
    ...(request.emptyStore ? ['--empty-store'] : []),
  ];
  const child = spawn(process.execPath, [join(world.paths.home, 'tools/test.mjs'), ...args], {
    env: world.env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  world.signal.addEventListener('abort', () => child.kill('SIGTERM'), {once: true});
  const [code] = (await once(child, 'close')) as [number | null];
  world.signal.throwIfAborted();
  return code ?? 1;
}
