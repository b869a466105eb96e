import {spawn} from 'node:child_process';
import {createWriteStream} from 'node:fs';
import {constants} from 'node:os';
import {finished} from 'node:stream/promises';
import {HostError, systemErrorCode} from './errors.js';
import {readFileIfThere} from './files.js';
import type {Environment} from './world.js';

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment of the program; default: this process's. */
  readonly env?: Environment;
  /** Written to standard input, which is then closed. Default: no input. */
  readonly input?: string;
  /** Ends the program's process group: SIGTERM, after `graceMs` SIGKILL. */
  readonly signal?: AbortSignal;
  readonly graceMs?: number;
  /** Ends the program likewise when the time is up; the outcome says so. */
  readonly timeoutMs?: number;
  /** Called for each line of standard output and standard error, as they come. */
  readonly onLine?: (line: string) => void;
  /** Both streams are appended to this file too, up to 64 MiB; a last line tells that there was more. */
  readonly logFile?: string;
  /** The kernel kills the program when this process dies, however it dies (util-linux setpriv). */
  readonly diesWithUs?: boolean;
}

/** How a program ended, and what it printed (each stream's last 8 MiB). */
export interface Outcome {
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signalName: string | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const keptCharacters = 8 * 1024 * 1024;
const loggedCharacters = 64 * 1024 * 1024;
/** A longer line is handed on in parts. */
const lineCharacters = 64 * 1024;

/** Runs a program in a process group of its own and waits for its end. A failing program is an outcome, not an error.
 * @throws {HostError} `missing-tool` when there is no such program.
 * @throws the signal's reason when it was aborted, after the whole group has ended.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  options.signal?.throwIfAborted();
  const [program = '', ...rest] = options.diesWithUs ? ['setpriv', '--pdeathsig', 'KILL', '--', ...argv] : argv;
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: (options.env ?? process.env) as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const log = options.logFile ? openLog(options.logFile) : undefined;
  const stdout = collect(child.stdout, log, options.onLine);
  const stderr = collect(child.stderr, log, options.onLine);
  child.stdin.on('error', () => {}); // a program may end without reading its input: its exit code tells
  child.stdin.end(options.input ?? '');

  let timedOut = false;
  const endGroup = () => {
    if (child.pid === undefined) return;
    killGroup(child.pid, 'SIGTERM');
    setTimeout(
      () => child.pid !== undefined && child.exitCode === null && killGroup(child.pid, 'SIGKILL'),
      options.graceMs ?? 2000,
    ).unref();
  };
  options.signal?.addEventListener('abort', endGroup, {once: true});
  const timer = options.timeoutMs
    ? setTimeout(() => {
        timedOut = true;
        endGroup();
      }, options.timeoutMs)
    : undefined;

  try {
    const [exitCode, signalName] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, name) => resolve([code, name]));
    });
    options.signal?.throwIfAborted();
    return {argv, exitCode, signalName, timedOut, stdout: stdout(), stderr: stderr()};
  } catch (error) {
    throw spawnError(error, program);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', endGroup);
    await log?.close();
  }
}

/** A program that isn't there, in our words; other errors of spawn as they are. */
export function spawnError(error: unknown, program: string): unknown {
  if (systemErrorCode(error) !== 'ENOENT') return error;
  return new HostError('missing-tool', {tool: program, why: 'no such program in PATH', install: './trovestack doctor'});
}

/** Runs a program that has to succeed.
 * @returns Its standard output.
 * @throws {HostError} `command-failed`, or `disk-full` when it says that there's no space left.
 */
export async function runOrThrow(doing: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(argv, options);
  if (outcome.exitCode === 0) return outcome.stdout;
  const output = lastLines(outcome.stderr || outcome.stdout, 15);
  if (isDiskFull(output)) {
    throw new HostError('disk-full', {doing, path: options.cwd ?? process.cwd()});
  }
  throw new HostError('command-failed', {doing, command: argv[0] ?? '', outcome: describeEnd(outcome), output});
}

/** Whether a program failed for want of space on the disk. */
export function isDiskFull(output: string): boolean {
  return /no space left on device|disk quota exceeded|you don't have enough free space/i.test(output);
}

/** "exited with 1", "exited with 137 (SIGKILL)", "was ended by SIGKILL", "took too long". */
export function describeEnd(outcome: Outcome): string {
  if (outcome.timedOut) return 'took too long and was ended';
  if (outcome.signalName) return `was ended by ${outcome.signalName}`;
  const name = signalOfExitCode(outcome.exitCode);
  return `exited with ${outcome.exitCode}${name ? ` (${name})` : ''}`;
}

/** Shells report a signal that ended their program as 128 plus its number. */
function signalOfExitCode(exitCode: number | null): string | undefined {
  if (exitCode === null || exitCode <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}

/** How many processes the kernel has ended on this machine since its start for want of memory. */
export async function memoryKills(): Promise<number> {
  const [, count] = /^oom_kill (\d+)$/m.exec((await readFileIfThere('/proc/vmstat')) ?? '') ?? [];
  return Number(count ?? 0);
}

/** The last `count` lines with text, joined by newlines; of lines without end the last 4000 characters. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n').slice(-4000);
}

/** Ends a process group; one that has ended already is no error. */
export function killGroup(pid: number, signalName: NodeJS.Signals): void {
  try {
    process.kill(-pid, signalName);
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

interface Log {
  /** Calls back when there is room for more, at once or later. */
  write(text: string, hasRoom: () => void): void;
  close(): Promise<void>;
}

function openLog(file: string): Log {
  const stream = createWriteStream(file, {flags: 'a'});
  stream.on('error', () => {}); // on a full disk the program's own outcome tells
  let left = loggedCharacters;
  return {
    write(text, hasRoom) {
      if (left <= 0) return hasRoom();
      left -= text.length;
      const rest = left <= 0 ? '\n… more was printed than this log keeps\n' : '';
      stream.write(`${text}${rest}`, () => hasRoom());
    },
    async close() {
      stream.end();
      await finished(stream).catch(() => {}); // the program's own outcome matters more than its log's last bytes
    },
  };
}

/** Reads a stream to its end, in bounded memory: it waits for the log, and of what it keeps the oldest is let go.
 * @returns What was kept.
 */
function collect(
  stream: NodeJS.ReadableStream,
  log: Log | undefined,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let chunks: string[] = [];
  let length = 0;
  let partial = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (log) {
      stream.pause();
      log.write(chunk, () => stream.resume());
    }
    chunks.push(chunk);
    length += chunk.length;
    if (length > 2 * keptCharacters) {
      chunks = [chunks.join('').slice(-keptCharacters)];
      length = keptCharacters;
    }
    if (!onLine) return;
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (partial.length < lineCharacters) return;
    onLine(partial);
    partial = '';
  });
  stream.on('end', () => {
    if (partial) onLine?.(partial);
  });
  return () => chunks.join('').slice(-keptCharacters);
}
