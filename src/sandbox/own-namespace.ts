import {spawn} from 'node:child_process';
import {constants, userInfo} from 'node:os';
import {HostError, readFileIfThere, run, spawnError, systemErrorCode} from '../base/index.js';
import {findSubordinateIds, freeSubordinateIds, idCount, sandboxIds} from './ids.js';
import {namespacesOff, openNamespace, type UserNamespace} from './user-namespace.js';

/** Whether this process must enter a user namespace of its own before it can make sandboxes and handle their files. */
export function needsOwnNamespace(): boolean {
  return process.getuid?.() !== 0 && sandboxIds()?.base !== 1;
}

/** Runs this program again, with the same arguments and streams, as the root of a user namespace: its root is the user
 * himself, its other ids are his subordinate ones. So all that follows is the same for root and for ordinary users.
 * @param argv What Node was started with, without Node itself.
 * @returns The exit code.
 * @throws {HostError} `no-id-range`, `user-namespaces-off`, `missing-tool`
 */
export async function runInOwnNamespace(argv: readonly string[]): Promise<number> {
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  await using namespace = await openOwnNamespace();
  const [program = '', ...enter] = namespace.enter;
  const node = [process.execPath, ...process.execArgv, ...argv];
  const child = spawn(program, [...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...node], {stdio: 'inherit'});
  // A terminal sends its own signals to both; what was sent to this process alone is handed on. A second one changes nothing.
  const handOn = (name: NodeJS.Signals) => void child.kill(name);
  for (const name of signals) process.on(name, handOn);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(spawnError(error, 'nsenter')));
      child.once('close', (code, name) => resolve(code ?? 128 + (name ? constants.signals[name] : 0)));
    });
  } finally {
    for (const name of signals) process.off(name, handOn);
  }
}

/** Opens a user namespace whose root is this user and whose ids 1 to 65535 are from his range in /etc/subuid.
 * @throws {HostError} `no-id-range`, `user-namespaces-off`, `missing-tool`
 */
export async function openOwnNamespace(): Promise<UserNamespace> {
  const user = currentUser();
  const [uids, gids] = [await subordinateIds('/etc/subuid', user), await subordinateIds('/etc/subgid', user)];
  // The user's own credentials are kept: his id is root's inside, and his groups may open /dev/kvm.
  return openNamespace(['--preserve-credentials'], async (pid, enter) => {
    await mapWith('newuidmap', pid, user.uid, uids);
    await mapWith('newgidmap', pid, user.gid, gids);
    await expectRights(enter);
  });
}

interface User {
  readonly name: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

function currentUser(): User {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  try {
    return {name: userInfo().username, uid, gid};
  } catch (error) {
    if (systemErrorCode(error) === 'ERR_SYSTEM_ERROR') return {name: undefined, uid, gid}; // no entry in passwd(5)
    throw error;
  }
}

async function subordinateIds(file: string, {name, uid}: User): Promise<number> {
  const text = (await readFileIfThere(file)) ?? '';
  const range = findSubordinateIds(text, [...(name === undefined ? [] : [name]), String(uid)]);
  if (range) return range.start;
  const user = name ?? String(uid);
  const first = freeSubordinateIds(
    `${(await readFileIfThere('/etc/subuid')) ?? ''}\n${(await readFileIfThere('/etc/subgid')) ?? ''}`,
  );
  throw new HostError('no-id-range', {user, file, wanted: idCount, first});
}

/** newuidmap and newgidmap of shadow's package uidmap may write maps that a user may not. */
async function mapWith(program: 'newuidmap' | 'newgidmap', pid: number, own: number, first: number): Promise<void> {
  const argv = [program, pid, 0, own, 1, 1, first, idCount].map(String);
  const outcome = await run(argv).catch((error: unknown) => {
    if (!(error instanceof HostError && error.code === 'missing-tool')) throw error;
    const why = 'an ordinary user maps ids with it';
    throw new HostError('missing-tool', {tool: program, why, install: 'as root: apt-get install uidmap'});
  });
  if (outcome.exitCode !== 0) throw await namespacesOff(outcome.stderr.trim());
}

/** Some systems let a user make a namespace and take away its rights: seen by trying. */
async function expectRights(enter: readonly string[]): Promise<void> {
  const outcome = await run([...enter, 'unshare', '--mount', '--', 'mount', '-t', 'tmpfs', 'none', '/mnt']);
  if (outcome.exitCode !== 0) throw await namespacesOff(outcome.stderr.trim());
}
