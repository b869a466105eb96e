import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {constants} from 'node:os';
import {HostError, type Outcome, run, UsageError, type World} from '../base/index.js';
import {cloudNameOf, isAlive, requireInstance} from '../devcloud/index.js';
import {requireRoot} from './devcloud-up.js';

export interface ExecRequest {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Variables of this process's environment that the program gets too: secrets don't belong into arguments. */
  readonly passEnv?: readonly string[];
}

/** Runs a program in a devcloud with this process's standard streams, as its root, with OpenStack's clients set to its
 * administrator.
 * @returns The program's exit code; 128 and the signal's number when one ended it.
 * @throws {UsageError} `unknown-devcloud`
 * @throws {HostError} `not-root`, `devcloud-down`
 */
export async function devcloudExec(request: ExecRequest, world: World): Promise<{exitCode: number}> {
  const child = spawn('setpriv', enterArguments(await supervisorOf(request, world), request.command), {
    stdio: 'inherit',
    env: {...innerEnvironment(request.name, world), ...passedEnvironment(request.passEnv ?? [], world)},
  });
  const end = () => child.kill('SIGTERM');
  world.signal.addEventListener('abort', end, {once: true});
  const [exitCode, signalName] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  world.signal.removeEventListener('abort', end);
  return {exitCode: exitCode ?? 128 + (signalName ? constants.signals[signalName] : 0)};
}

/** Runs a program in a devcloud likewise, and keeps what it prints.
 * @param env Added to its environment.
 * @throws as `devcloudExec`
 */
export async function captureInDevcloud(
  request: ExecRequest & {readonly env?: Readonly<Record<string, string>>},
  world: World,
): Promise<Outcome> {
  const pid = await supervisorOf(request, world);
  const env = {...innerEnvironment(request.name, world), ...request.env};
  return run(['setpriv', ...enterArguments(pid, request.command)], {env, signal: world.signal});
}

async function supervisorOf(request: ExecRequest, world: World): Promise<number> {
  requireRoot('run a program in a devcloud');
  const {name, run: lastRun} = await requireInstance(world.paths, request.name);
  if (lastRun && (await isAlive(lastRun.supervisor))) return lastRun.supervisor.pid;
  throw new HostError('devcloud-down', {name, doing: 'run a program'});
}

/** The program ends with nsenter, and nsenter with us, however we end. */
function enterArguments(pid: number, command: readonly string[]): string[] {
  return [
    ...['--pdeathsig', 'KILL', '--', 'nsenter', '--target', String(pid)],
    ...['--mount', '--pid', '--net', '--uts', '--ipc', '--root', '--wd', '--'],
    ...['setpriv', '--pdeathsig', 'TERM', '--', ...command],
  ];
}

/** @throws {UsageError} `bad-argument` for a variable that isn't set */
function passedEnvironment(names: readonly string[], world: World): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const value = world.env[name];
      if (value === undefined)
        throw new UsageError('bad-argument', {argument: `--pass-env ${name}`, problem: 'it is not set'});
      return [name, value];
    }),
  );
}

function innerEnvironment(name: string, world: World): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    TERM: world.env.TERM ?? 'dumb',
    OS_CLOUD: cloudNameOf(name),
    OS_CLIENT_CONFIG_FILE: '/etc/openstack/clouds.yaml',
  };
}
