import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir} from 'node:fs/promises';
import {dirname} from 'node:path';
import {HostError} from './errors.js';
import {killGroup, spawnError} from './process.js';

/** Holds a lock on a file until disposed, or until this process dies, however it dies: the kernel frees it.
 * Waits while another process holds it, or with `wait: false` throws.
 * @throws {HostError} `busy-lock`, `missing-tool`
 */
export async function lockFile(
  path: string,
  options: {readonly what: string; readonly wait?: boolean; readonly signal?: AbortSignal},
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), {recursive: true});
  options.signal?.throwIfAborted();
  // flock(1) holds the lock while its child reads our end of the pipe; the pipe closes when we end.
  const holder = spawn(
    'flock',
    [...(options.wait === false ? ['-n'] : []), path, 'sh', '-c', 'echo held; exec cat >/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    },
  );
  const ended = once(holder, 'close').catch((error: unknown) => {
    throw spawnError(error, 'flock');
  });
  // The whole group: flock's child keeps the lock that it inherited.
  const abort = () => holder.pid !== undefined && killGroup(holder.pid, 'SIGKILL');
  options.signal?.addEventListener('abort', abort, {once: true});
  try {
    const held = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    options.signal?.throwIfAborted();
    if (!held) throw new HostError('busy-lock', {what: options.what, holder: 'another trovestack'});
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
