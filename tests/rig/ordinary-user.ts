import {chown, mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type CommandOptions, home, type RunningCommand, startProgram} from './trovestack.js';

/** A user of this machine with subordinate ids, for the commands that are run as him and nobody else. */
export interface OrdinaryUser {
  readonly id: number;
  /** His own folder, closed to others. */
  readonly folder: string;
  /** Starts `trovestack ARGS` as him, with his store at `<folder>/store`. */
  start(args: readonly string[], options?: CommandOptions): RunningCommand;
}

/** Above the ids that systems hand out. */
const id = 1_999_000_000;
export const firstSubordinate = 1_999_100_000;

/** Makes a user without touching this machine's own list of users: it is covered in a mount namespace of each command's.
 * Asks for root.
 * @param folder An empty one, removed by the caller.
 * @param subordinate How many ids he has beside his own.
 */
export async function ordinaryUser(folder: string, subordinate = 65_536): Promise<OrdinaryUser> {
  const own = join(folder, 'own');
  await mkdir(own, {mode: 0o700});
  await chown(own, id, id);
  const passwd = await readFile('/etc/passwd', 'utf8');
  const files = {
    passwd: `${passwd}trovestack-test:x:${id}:${id}::${own}:/bin/sh\n`,
    subuid: `trovestack-test:${firstSubordinate}:${subordinate}\n`,
    subgid: `trovestack-test:${firstSubordinate}:${subordinate}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await mkdir(join(folder, 'program'));
  await writeFile(join(folder, 'node'), '');
  // The repository, and Node, may lie below a closed folder.
  const script = [
    'for name in passwd subuid subgid; do [ -e /etc/$name ] || : > /etc/$name; mount --bind "$1/$name" "/etc/$name"; done',
    'mount --bind "$2" "$1/program"; mount --bind "$3" "$1/node"; folder=$1; shift 3',
    `exec setpriv --reuid ${id} --regid ${id} --clear-groups "$folder/node" "$folder/program/bin/trovestack.js" "$@"`,
  ].join('\n');
  return {
    id,
    folder: own,
    start(args, {env, ...options} = {}) {
      return startProgram(
        ['unshare', '--mount', 'sh', '-euc', script, 'user', folder, home, process.execPath, ...args],
        {
          cwd: own,
          env: {HOME: own, USER: 'trovestack-test', TROVESTACK_STORE: join(own, 'store'), XDG_STATE_HOME: own, ...env},
          ...options,
        },
      );
    },
  };
}
