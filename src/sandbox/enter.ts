import {spawn} from 'node:child_process';
import {mkdir, stat, symlink, writeFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {HostError, type Outcome, type RunOptions, run, spawnError, UsageError} from '../base/index.js';
import {insideStore, madeNothing, planSandbox, quote, type SandboxPlan, type SandboxSpec, storeInside} from './spec.js';
import {ownByNamespace, type UserNamespace} from './user-namespace.js';

/** What sandboxes are made with. */
export interface SandboxHost {
  readonly store: string;
  readonly namespace: UserNamespace;
  /** A new empty folder below the store, removed by its owner. */
  newWorkFolder(): Promise<string>;
}

/** Runs a spec's program in its world and waits for its end. A failing program is an outcome, not an error.
 *
 * Nothing outlives it: mounts and processes belong to namespaces whose first process dies with this one.
 * @throws {HostError} `sandbox-failed`, or `disk-full`, when the world could not be made.
 */
export async function enter(
  spec: SandboxSpec,
  host: SandboxHost,
  options: Omit<RunOptions, 'env' | 'cwd' | 'diesWithUs'> = {},
): Promise<Outcome> {
  const argv = await makeReady(spec, host);
  const outcome = await run(argv, {graceMs: 200, ...options, env: {PATH: toolPath}});
  if (outcome.exitCode === madeNothing) throw sandboxError(spec, outcome, host.store);
  return outcome;
}

/** Runs a spec's program at the terminal of this process, on a terminal of its own there: util-linux's script(1) carries
 * what is typed and printed, so that Ctrl-C reaches the program alone.
 * @returns Its exit code.
 * @throws {UsageError} `no-terminal`
 */
export async function enterInteractively(spec: SandboxSpec, host: SandboxHost): Promise<number | null> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new UsageError('no-terminal', {doing: 'open a shell'});
  const command = (await makeReady(spec, host)).map(quote).join(' ');
  const script = ['script', '--quiet', '--return', '--command', command, '/dev/null'];
  const [program = '', ...args] = ['setpriv', '--pdeathsig', 'KILL', '--', ...script];
  const child = spawn(program, args, {stdio: 'inherit', env: {PATH: toolPath, SHELL: '/bin/sh'}});
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(spawnError(error, program)));
    child.once('close', resolve);
  });
}

/** Makes what the sandbox needs to be there.
 * @returns The command line that enters it.
 */
async function makeReady(spec: SandboxSpec, host: SandboxHost): Promise<string[]> {
  const work = await host.newWorkFolder();
  const plan = planSandbox(spec, {store: host.store, work});
  await prepare(spec, plan, host.store, work);
  return entryArguments(spec, plan, host, insideStore(`${work}/script`, host.store));
}

function sandboxError({name}: SandboxSpec, {stderr}: Outcome, store: string): HostError {
  if (/No space left on device/.test(stderr)) {
    return new HostError('disk-full', {doing: `the sandbox of "${name}"`, path: store});
  }
  return new HostError('sandbox-failed', {name, problem: stderr.trim()});
}

const toolPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function prepare(spec: SandboxSpec, plan: SandboxPlan, store: string, work: string): Promise<void> {
  await mkdir(`${work}/root`);
  // A file, since everyone on the machine may read a program's arguments, and the environment may hold secrets.
  await writeFile(`${work}/script`, plan.script, {mode: 0o600});
  if (spec.ids === 'mapped') await ownByNamespace(`${work}/script`);
  for (const {links, tree, changes} of plan.trees) {
    await mkdir(links, {recursive: true});
    await Promise.all(tree.layers.map((layer, i) => symlink(insideStore(layer, store), `${links}/${i}`)));
    if (!changes) continue;
    for (const folder of ['tree', 'work']) {
      await mkdir(`${changes}/${folder}`, {recursive: true});
      if (spec.ids === 'mapped') await ownByNamespace(`${changes}/${folder}`);
    }
  }
  for (const {from, to} of plan.hostBinds) {
    await mkdir(dirname(to), {recursive: true});
    if ((await stat(from)).isDirectory()) await mkdir(to);
    else await writeFile(to, '');
  }
}

/** The command line that makes the namespaces. As root, what the sandbox needs is bound to a place that its ids can reach
 * first; the death signal comes after the change of ids, which would clear it.
 * @param script Path of the plan's script within the namespaces.
 */
function entryArguments(spec: SandboxSpec, plan: SandboxPlan, host: SandboxHost, script: string): string[] {
  const enterIds = spec.ids === 'mapped' ? host.namespace.enter : [];
  const unshare = ['unshare', '--mount', '--pid', '--ipc', '--uts', ...(spec.network === 'none' ? ['--net'] : [])];
  const outer = [
    `set -eu; trap 'exit ${madeNothing}' EXIT`,
    ...plan.hostBinds.flatMap(() => [
      // In a namespace of ours the kernel shows a folder only with what is mounted below it.
      'mount --bind "$1" "$2" 2> /dev/null || mount --rbind "$1" "$2"',
      'if [ "$3" = ro ]; then mount -o remount,bind,ro "$2"; fi',
      'shift 3',
    ]),
    `mount --rbind "$1" ${storeInside}`,
    'shift',
    'trap - EXIT',
    'exec "$@"',
  ].join('\n');
  return [
    ...['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', outer, 'sandbox'],
    ...plan.hostBinds.flatMap(({from, to, readOnly}) => [from, to, readOnly ? 'ro' : 'rw']),
    host.store,
    ...[...enterIds, 'setpriv', '--pdeathsig', 'KILL', '--', ...unshare, '--fork', '--kill-child=KILL', '--'],
    ...['sh', '-c', readAndRun, 'sandbox', script],
  ];
}

/** Reads the script whole before it begins, since it leaves the root that its file is in. */
const readAndRun = `set -e; trap 'exit ${madeNothing}' EXIT; script=$(cat "$1"); eval "$script"`;
