import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chown, writeFile} from 'node:fs/promises';
import {HostError, killGroup, readFileIfThere, spawnError, systemErrorCode} from '../base/index.js';
import {idCount, type SandboxIds, sandboxIds} from './ids.js';

/** A user namespace that is open until disposed. */
export interface UserNamespace extends AsyncDisposable {
  /** Command line to put before one that is to run in it, as its root. */
  readonly enter: readonly string[];
}

/** Opens the user namespace that sandboxes run in: their ids are others outside, those of no user.
 * @throws {HostError} `user-namespaces-off`, `missing-tool`
 */
export async function openUserNamespace(signal: AbortSignal): Promise<UserNamespace> {
  const {base} = ownSandboxIds();
  signal.throwIfAborted();
  return openNamespace(['--setuid=0', '--setgid=0'], async (pid) => {
    try {
      for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${pid}/${map}`, `0 ${base} ${idCount}\n`);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      throw await namespacesOff(`the kernel refuses to map the ids from ${base} on (${code})`);
    }
  });
}

/** Opens a user namespace.
 * @param credentials Options of nsenter(1): who a program becomes that enters.
 * @param mapIds Writes the maps of the process that holds it.
 * @throws {HostError} `user-namespaces-off`, `missing-tool`
 */
export async function openNamespace(
  credentials: readonly string[],
  mapIds: (pid: number, enter: readonly string[]) => Promise<void>,
): Promise<UserNamespace> {
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
  if (!isOpen || pid === undefined) throw await namespacesOff(complaint.trim());
  const enter = ['nsenter', `--user=/proc/${pid}/ns/user`, ...credentials, '--'];
  await mapIds(pid, enter).catch(async (error: unknown) => {
    killGroup(pid, 'SIGKILL');
    await ended;
    throw error;
  });
  return {
    enter,
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await ended;
    },
  };
}

/** What forbids user namespaces here, as far as the kernel tells, with the command that allows them. */
export async function namespacesOff(problem: string): Promise<HostError> {
  for (const [name, forbidding, allowing] of switches) {
    const value = await readFileIfThere(`/proc/sys/${name.replaceAll('.', '/')}`);
    if (value?.trim() === forbidding) {
      return new HostError('user-namespaces-off', {
        problem: `${name} is ${forbidding}`,
        next: `as root: sysctl -w ${name}=${allowing}`,
      });
    }
  }
  return new HostError('user-namespaces-off', {problem});
}

/** The kernel's switches, with the values that forbid and that allow. Debian's, every kernel's, Ubuntu's since 23.10. */
const switches = [
  ['kernel.unprivileged_userns_clone', '0', '1'],
  ['user.max_user_namespaces', '0', '15000'],
  ['kernel.apparmor_restrict_unprivileged_userns', '1', '0'],
] as const;

/** Where sandboxes' ids lie, for a process that has to have some.
 * @throws {HostError} `user-namespaces-off` for root in a container that was given too few ids.
 */
export function ownSandboxIds(): SandboxIds {
  const ids = sandboxIds();
  if (ids) return ids;
  throw new HostError('user-namespaces-off', {
    problem: `only few user ids are known here: a sandbox needs ${idCount} beside this process's own`,
    next: 'give the container 65536 ids or more, or leave it',
  });
}

/** Gives a file or folder to the root of the sandboxes. */
export async function ownByNamespace(path: string): Promise<void> {
  const {base} = ownSandboxIds();
  await chown(path, base, base);
}
