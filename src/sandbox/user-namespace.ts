import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chown, writeFile} from 'node:fs/promises';
import {HostError, killGroup, spawnError, systemErrorCode} from '../base/index.js';

/** Ids 0 to 65535 of a sandbox are these outside: above what systems hand out to users and containers. Fixed, since the
 * store's files carry them. */
export const outerIdBase = 0x7000_0000;
export const idCount = 65_536;

/** A user namespace that is open until disposed; programs enter it by `/proc/<pid>/ns/user`. */
export interface UserNamespace extends AsyncDisposable {
  readonly pid: number;
}

/** Opens a user namespace with shifted ids.
 * @throws {HostError} `not-root`, `user-namespaces-off`, `missing-tool`
 */
export async function openUserNamespace(signal: AbortSignal): Promise<UserNamespace> {
  if (process.getuid?.() !== 0) {
    throw new HostError('not-root', {doing: 'build images', why: 'a range of user ids has to be mapped'});
  }
  signal.throwIfAborted();
  // The holder lives as long as our end of its input: it ends with us, however we end.
  const holder = spawn('unshare', ['--user', '--', 'sh', '-c', 'echo open; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = once(holder, 'close').catch((error: unknown) => {
    throw spawnError(error, 'unshare');
  });
  let complaint = '';
  holder.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const isOpen = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  const {pid} = holder;
  if (!isOpen || pid === undefined) throw new HostError('user-namespaces-off', {problem: complaint.trim()});
  await mapIds(pid).catch(async (error: unknown) => {
    killGroup(pid, 'SIGKILL');
    await ended;
    throw error;
  });
  return {
    pid,
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await ended;
    },
  };
}

async function mapIds(pid: number): Promise<void> {
  const range = `0 ${outerIdBase} ${idCount}`;
  try {
    for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${pid}/${map}`, `${range}\n`);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    // Within a container whose own namespace lacks the range, the kernel refuses with EPERM.
    const problem = `the kernel refuses to map the ids ${outerIdBase} to ${outerIdBase + idCount - 1} (${code}); a container has to have them mapped itself`;
    throw new HostError('user-namespaces-off', {problem}, {cause: error});
  }
}

/** Gives a folder to the root of the sandboxes. */
export async function ownByNamespace(path: string): Promise<void> {
  try {
    await chown(path, outerIdBase, outerIdBase);
  } catch (error) {
    if (systemErrorCode(error) === 'EPERM') {
      throw new HostError('not-root', {doing: 'build images', why: `"${path}" has to be given to another user id`});
    }
    throw error;
  }
}
