import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {open, readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {HostError, lastLines, readFileIfThere, systemErrorCode} from '../base/index.js';
import type {ProgramState, SupervisorPlan} from './supervision.js';

/** A process told apart from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the system's boot to its start. */
  readonly startTicks: string;
  readonly bootId: string;
}

export interface SupervisedRoot {
  /** Topmost first. */
  readonly layers: readonly string[];
  /** Has `upper`, `work` and `root` below it. */
  readonly folder: string;
  /** This repository's devcloud/. */
  readonly programs: string;
  readonly logFile: string;
  readonly accelerator: 'kvm' | 'qemu';
}

/** A supervisor that waits for its plan, in namespaces of its own. Disposing it ends all that is in them, unless kept. */
export class StartedSupervisor implements AsyncDisposable {
  readonly identity: ProcessIdentity;
  readonly #keeper: ChildProcess;
  readonly #ended: Promise<number | null>;
  #isKept = false;

  constructor(keeper: ChildProcess, ended: Promise<number | null>, identity: ProcessIdentity) {
    this.#keeper = keeper;
    this.#ended = ended;
    this.identity = identity;
  }

  /** Process id of what holds the namespaces. */
  get pid(): number {
    return this.identity.pid;
  }

  send(plan: SupervisorPlan): void {
    this.#keeper.stdin?.write(`${JSON.stringify(plan)}\n`);
  }

  /** Lets it live on when this process ends. */
  keep(): void {
    this.#isKept = true;
    this.#keeper.stdin?.end('keep\n');
    this.#keeper.unref();
  }

  /** Waits until it has ended by itself.
   * @returns Its exit code.
   */
  async ended(signal: AbortSignal): Promise<number | null> {
    const aborted = once(signal, 'abort').then(() => signal.throwIfAborted());
    return (await Promise.race([this.#ended, aborted])) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isKept) return;
    this.#keeper.stdin?.destroy(); // one that still waits for its plan doesn't hear signals, but hears this
    await stopProcess(this.identity, 'cut off');
    await this.#ended;
  }
}

/** Enters new namespaces and starts the supervisor there. It does nothing until it is sent its plan.
 * @throws {HostError} `namespaces-failed`
 */
export async function startSupervisor(root: SupervisedRoot): Promise<StartedSupervisor> {
  const log = await open(root.logFile, 'w', 0o600);
  const keeper = spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--kill-child', '--propagation', 'private', '--'],
      ...['/bin/sh', `${root.programs}/enter.sh`, `${root.folder}/root`, root.layers.join(':')],
      ...[`${root.folder}/upper`, `${root.folder}/work`, `${root.programs}/inside`, root.accelerator],
    ],
    {detached: true, cwd: '/', stdio: ['pipe', log.fd, log.fd]},
  );
  await log.close();
  keeper.stdin?.on('error', () => {}); // it may end before it has read everything: its end is what is looked at
  const ended = once(keeper, 'close').then(([code]) => code as number | null);
  const pid = await firstChild(keeper.pid, ended);
  const identity = pid === undefined ? undefined : await identify(pid);
  if (!identity) {
    keeper.kill('SIGKILL');
    throw new HostError('namespaces-failed', {problem: lastLines(await readFile(root.logFile, 'utf8'), 5)});
  }
  return new StartedSupervisor(keeper, ended, identity);
}

async function firstChild(parent: number | undefined, ended: Promise<unknown>): Promise<number | undefined> {
  let isOver = parent === undefined;
  ended.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  while (!isOver) {
    const children = await readIfAlive(`/proc/${parent}/task/${parent}/children`);
    if (children?.trim()) return Number(children.trim().split(' ')[0]);
    await sleep(5);
  }
  return undefined;
}

/** What tells this process from a later one with its id; undefined when there is none, or only its exit code is left. */
async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readIfAlive(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold blanks; after it come the state and, as the 20th field, the start time.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state, startTicks] = [fields[0], fields[19]];
  if (!startTicks || state === 'Z') return undefined;
  return {pid, startTicks, bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()};
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identify(identity.pid);
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** Ends a supervisor, and with it all that is in its namespaces: asked first, then killed.
 * @param guests Whether its virtual machines shut down, or lose what they haven't written yet.
 */
export async function stopProcess(identity: ProcessIdentity, guests: 'shut down' | 'cut off'): Promise<void> {
  const asked = guests === 'shut down' ? (['SIGTERM', 180_000] as const) : (['SIGINT', 60_000] as const);
  for (const [signalName, waitMs] of [asked, ['SIGKILL', 10_000] as const]) {
    if (!(await isAlive(identity))) return;
    try {
      process.kill(identity.pid, signalName);
    } catch (error) {
      if (systemErrorCode(error) !== 'ESRCH') throw error;
    }
    const end = Date.now() + waitMs;
    while (Date.now() < end && (await isAlive(identity))) await sleep(50);
  }
}

/** What the supervisor says of its programs; undefined when it hasn't said anything yet, or has ended. */
export async function programStates(identity: ProcessIdentity): Promise<readonly ProgramState[] | undefined> {
  if (!(await isAlive(identity))) return undefined;
  const text = await readIfAlive(`/proc/${identity.pid}/root/run/trovestack/status.json`);
  return text === undefined ? undefined : (JSON.parse(text) as {services: ProgramState[]}).services;
}

async function readIfAlive(path: string): Promise<string | undefined> {
  try {
    return await readFileIfThere(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}
