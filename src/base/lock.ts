import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {constants} from 'node:fs';
import {mkdir, open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {HostError, storeError} from './errors.js';
import {killGroup, lastLines, spawnError} from './process.js';

/** flock's exit code when another process holds the lock; its others are failures. */
const busyCode = 100;

/** Holds a lock on a file until disposed, or until this process dies, however it dies: the kernel frees it.
 * Waits while another process holds it, or with `wait: false` throws. A shared one can be held by many.
 * @throws {HostError} `busy-lock`, `missing-tool`, `disk-full`, `no-access`, `command-failed`
 */
export async function lockFile(
  path: string,
  options: {
    readonly what: string;
    readonly wait?: boolean;
    readonly isShared?: boolean;
    readonly signal?: AbortSignal;
  },
): Promise<AsyncDisposable> {
  await makeFile(path).catch((error: unknown) => {
    throw storeError(error, path, `taking the lock of ${options.what}`);
  });
  options.signal?.throwIfAborted();
  // flock(1) holds the lock while its child reads our end of the pipe; the pipe closes when we end.
  const holder = spawn(
    'flock',
    [
      ...(options.wait === false ? ['-n'] : []),
      ...(options.isShared ? ['-s'] : []),
      '-E',
      String(busyCode),
      path,
      'sh',
      '-c',
      'echo held; exec cat >/dev/null',
    ],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let said = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = lastLines(said + text, 5);
  });
  const ended = once(holder, 'close').catch((error: unknown) => {
    throw spawnError(error, 'flock');
  });
  // The whole group: flock's child keeps the lock that it inherited.
  const abort = () => holder.pid !== undefined && killGroup(holder.pid, 'SIGKILL');
  options.signal?.addEventListener('abort', abort, {once: true});
  try {
    const held = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    options.signal?.throwIfAborted();
    if (!held) throw notHeld(holder.exitCode, options.what, said);
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await ended;
    },
  };
}

/** The file that flock(1) opens, opened likewise: so that a failure has its code. */
async function makeFile(path: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  const file = await open(path, constants.O_RDONLY | constants.O_CREAT, 0o666);
  await file.close();
}

function notHeld(exitCode: number | null, what: string, output: string): HostError {
  if (exitCode === busyCode) return new HostError('busy-lock', {what, holder: 'another trovestack'});
  const outcome = exitCode === null ? 'was ended by a signal' : `exited with ${exitCode}`;
  return new HostError('command-failed', {doing: `taking the lock of ${what}`, command: 'flock', outcome, output});
}
