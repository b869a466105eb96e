import {spawn} from 'node:child_process';
import {mkdtemp} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {removeTree} from '../../src/store/index.js';

/** The repository. */
export const home = fileURLToPath(new URL('../..', import.meta.url));

/** How a run of the real command ended. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Laid over this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A running command, for tests that interrupt it. */
export interface RunningCommand {
  readonly pid: number;
  readonly result: Promise<CommandResult>;
  kill(signalName: NodeJS.Signals): void;
  /** Resolves when the text was printed on either stream; rejects when the command ends before. */
  printed(text: string | RegExp): Promise<void>;
}

/** Starts `trovestack ARGS`, the built program, with this Node. */
export function startTrovestack(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  return startProgram([process.execPath, join(home, 'bin/trovestack.js'), ...args], options);
}

/** Starts any program. */
export function startProgram([program = '', ...args]: readonly string[], options: CommandOptions): RunningCommand {
  const child = spawn(program, args, {
    cwd: options.cwd ?? home,
    env: {...process.env, ...options.env},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const result = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({exitCode, stdout, stderr}));
  });
  return {
    pid: child.pid ?? -1,
    result,
    kill: (signalName) => void child.kill(signalName),
    printed: async (text) => {
      const seen = () => (typeof text === 'string' ? (stdout + stderr).includes(text) : text.test(stdout + stderr));
      let ended = false;
      void result.finally(() => {
        ended = true;
      });
      while (!seen()) {
        if (ended) throw new Error(`ended without printing ${text}:\n${stdout}${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

/** Runs `trovestack ARGS` to its end. */
export function runTrovestack(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startTrovestack(args, options).result;
}

/** A folder of the test's own on a real disk (`TROVESTACK_TEST_DISK`, else /var/tmp), removed when disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & {readonly path: string}> {
  const path = await mkdtemp(join(process.env.TROVESTACK_TEST_DISK ?? '/var/tmp', 'trovestack-test-'));
  return {path, [Symbol.asyncDispose]: () => removeTree(path)};
}
