import {access, chmod, constants, mkdir, writeFile} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {dirname} from 'node:path';
import {HostError, StepError, type World} from '../base/index.js';
import type {DatastoreDefinition} from '../datastore/index.js';
import type {DiskFile} from '../disk/index.js';
import {
  type Accelerator,
  type BootRecord,
  type ControlPlane,
  causeOf,
  controlPlaneFiles,
  controlPlaneLines,
  type DriveFile,
  describeCause,
  emptyRecord,
  type Firmware,
  isOver,
  type Machine,
  type Milestone,
  machineScript,
  proofFolders,
  readConsoleLine,
  remedies,
} from '../guest/index.js';
import {enter, type SandboxSpec, type Tree} from '../sandbox/index.js';
import {keepKvmFinding, readKvmFinding} from './kvm-finding.js';
import type {Workshop} from './workshop.js';

export interface GuestBoot {
  readonly disk: DiskFile;
  readonly firmware: Firmware;
  /** A root with QEMU. */
  readonly tools: Tree;
  readonly drive: readonly DriveFile[];
  readonly credentials: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  readonly volumeGiB: number;
  /** Of the guest, as Nova and Trove know it. */
  readonly guestId: string;
  /** Absent: nobody is there for the guest agent, and the guest's network leads nowhere. */
  readonly controlPlane?: ControlPlane;
  /** Where the guest's network leads, when not to a control plane. */
  readonly network?: Machine['network'];
  readonly timeoutMs: number;
}

export interface BootProof {
  readonly accelerator: Accelerator;
  readonly serverVersion: string;
  readonly milestones: readonly Milestone[];
}

/** Boots an image until its database has answered.
 * @throws {StepError} `boot-not-proven` with the cause that the console shows.
 */
export async function bootGuest(boot: GuestBoot, workshop: Workshop, world: World): Promise<BootProof> {
  const logFile = await openConsoleLog(workshop);
  const {accelerator, hasKvmFailed} = await chooseAccelerator(boot, logFile, workshop, world);
  world.emit({type: 'note', text: `booting ${boot.disk.path} with ${boot.firmware} on ${accelerator}`});
  const {record, end} = await runMachine(boot, accelerator, boot.timeoutMs, isOver, logFile, workshop, world);
  // Only of an image whose kernel starts otherwise can it be said that KVM was at fault.
  if (hasKvmFailed && hasKernel(record)) await keepKvmFinding(workshop.store, {isWorking: false});
  if (record.broken !== undefined) throw brokenProof(record.broken, logFile);
  if (record.answer !== undefined) {
    return {accelerator, serverVersion: record.answer, milestones: record.milestones};
  }
  const cause = causeOf(record, silence({record, end}, boot.timeoutMs));
  throw new StepError('boot-not-proven', {
    file: boot.disk.path,
    firmware: boot.firmware,
    accelerator,
    kind: cause.kind,
    cause: describeCause(cause),
    remedy: remedies[cause.kind],
    milestones: record.milestones,
    console: record.tail,
    log: logFile,
  });
}

/** The proof itself failed, not the image. */
function brokenProof(output: string, log: string): HostError {
  const doing = `the control plane of the boot proof (log: ${log})`;
  return new HostError('command-failed', {doing, command: 'proof/control_plane.py', outcome: 'failed', output});
}

function silence({record, end}: MachineRun, timeoutMs: number): string {
  if (end === 'machine stopped') return 'the machine stopped';
  return `nothing more happened within ${(end === 'nothing more' ? patience(timeoutMs, record) : timeoutMs) / 1000} s`;
}

/** How long a boot may go without a new milestone; half as long when something is known to be wrong. A probe has all its time. */
function patience(timeoutMs: number, record: BootRecord): number {
  return Math.max(kvmProbeMs, timeoutMs / (record.trouble ? 6 : 3));
}

async function openConsoleLog(workshop: Workshop): Promise<string> {
  const folder = workshop.store.logFolder('verify');
  await mkdir(folder, {recursive: true});
  const logFile = `${folder}/console.log`;
  await writeFile(logFile, '');
  return logFile;
}

/** How long a kernel may take to show up under KVM; where KVM works it takes two seconds. */
const kvmProbeMs = 20_000;

interface Choice {
  readonly accelerator: Accelerator;
  /** This image's kernel was tried under KVM and did not show up. */
  readonly hasKvmFailed: boolean;
}

/** KVM where a guest's kernel has started under it since this machine booted: the device alone proves nothing, for
 * instance in nested machines. */
async function chooseAccelerator(boot: GuestBoot, logFile: string, workshop: Workshop, world: World): Promise<Choice> {
  if (!(await isOpenable('/dev/kvm'))) return {accelerator: 'tcg', hasKvmFailed: false};
  const known = await readKvmFinding(workshop.store);
  if (known) return {accelerator: known.isWorking ? 'kvm' : 'tcg', hasKvmFailed: false};
  world.emit({type: 'note', text: 'trying whether a kernel starts under KVM'});
  const quiet = {...world, emit: () => {}};
  const {record} = await runMachine(boot, 'kvm', kvmProbeMs, hasKernel, logFile, workshop, quiet);
  if (!hasKernel(record)) return {accelerator: 'tcg', hasKvmFailed: true};
  await keepKvmFinding(workshop.store, {isWorking: true});
  return {accelerator: 'kvm', hasKvmFailed: false};
}

/** KVM where it is known to work; finding out costs a boot. */
export async function bootAccelerator({store}: Workshop): Promise<Accelerator> {
  return (await isOpenable('/dev/kvm')) && (await readKvmFinding(store))?.isWorking ? 'kvm' : 'tcg';
}

function hasKernel(record: BootRecord): boolean {
  return record.milestones.some(({name}) => name === 'kernel');
}

async function isOpenable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

interface MachineRun {
  readonly record: BootRecord;
  readonly end: 'time is up' | 'nothing more' | 'machine stopped';
}

/** Runs a machine until its console has told enough, the machine stops, or the time is up. */
async function runMachine(
  boot: GuestBoot,
  accelerator: Accelerator,
  timeoutMs: number,
  isEnough: (record: BootRecord) => boolean,
  logFile: string,
  workshop: Workshop,
  world: World,
): Promise<MachineRun> {
  const enough = new AbortController();
  const spec = await machineSpec(boot, accelerator, 'told', workshop, world);
  const startedAt = performance.now();
  let record = emptyRecord;
  let end: MachineRun['end'] = 'machine stopped';
  const giveUp = () => {
    end = 'nothing more';
    enough.abort();
  };
  let timer = setTimeout(giveUp, patience(timeoutMs, record));
  const onLine = (line: string) => {
    const before = record;
    record = readConsoleLine(before, line, Math.round(performance.now() - startedAt));
    const news = record.milestones.slice(before.milestones.length);
    for (const {name, atMs} of news) world.emit({type: 'milestone', name, atMs});
    if (news.length > 0 || record.trouble !== before.trouble) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, patience(timeoutMs, record));
    }
    world.emit({type: 'output', source: 'console', line});
    if (isEnough(record)) enough.abort();
  };
  const signal = AbortSignal.any([world.signal, enough.signal]);
  try {
    const outcome = await enter(spec, workshop.sandboxes, {signal, timeoutMs, logFile, onLine});
    return {record, end: outcome.timedOut ? 'time is up' : end};
  } catch (error) {
    if (!enough.signal.aborted || world.signal.aborted) throw error;
    return {record, end};
  } finally {
    clearTimeout(timer);
  }
}

async function writeFolder(files: readonly DriveFile[], workshop: Workshop): Promise<string> {
  const folder = await workshop.work.newFolder();
  for (const {path, content} of files) {
    await mkdir(dirname(`${folder}/${path}`), {recursive: true});
    await writeFile(`${folder}/${path}`, content);
  }
  await chmod(folder, 0o755);
  return folder;
}

/** The world that a boot happens in. */
export async function machineSpec(
  boot: Omit<GuestBoot, 'timeoutMs'>,
  accelerator: Accelerator,
  console: Machine['console'],
  workshop: Workshop,
  world: World,
): Promise<SandboxSpec> {
  const {controlPlane} = boot;
  const machine: Machine = {
    firmware: boot.firmware,
    accelerator,
    memoryMiB: boot.memoryMiB,
    cpus: guestCpus(),
    image: {path: '/image', format: boot.disk.format},
    changes: '/var/tmp/changes.qcow2',
    volume: '/var/tmp/volume.raw',
    configDrive: '/var/tmp/config.iso',
    firmwareVariables: '/var/tmp/variables.fd',
    credentials: boot.credentials,
    uuid: boot.guestId,
    network: boot.network ?? (controlPlane ? {ports: singlePorts(controlPlane.datastore)} : 'nowhere'),
    life: controlPlane ? 'restarted' : 'one boot',
    console,
  };
  const {drive, programs, settings} = proofFolders;
  const bind = (at: string, from: string) => ({kind: 'bind', at, from, readOnly: true}) as const;
  const files = controlPlane && (await writeFolder(controlPlaneFiles(controlPlane), workshop));
  return {
    name: 'guest',
    root: boot.tools,
    mounts: [
      bind('/image', boot.disk.path),
      bind(drive, await writeFolder(boot.drive, workshop)),
      ...(files ? [bind(settings, files), bind(programs, `${world.paths.home}/proof`)] : []),
      ...(accelerator === 'kvm' ? [{kind: 'bind', at: '/dev/kvm', from: '/dev/kvm', readOnly: false} as const] : []),
    ],
    network: 'none',
    ids: 'host',
    env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TMPDIR: '/var/tmp'},
    cwd: '/',
    argv: ['sh', '-c', machineScript(machine, drive, boot.volumeGiB, controlPlane ? controlPlaneLines() : [])],
  };
}

/** Clients ask single ports; ranges are for members of clusters. */
function singlePorts({ports}: DatastoreDefinition): number[] {
  return ports.filter((port) => typeof port === 'number');
}

/** Processors of a guest under proof. */
export function guestCpus(): number {
  return Math.min(2, availableParallelism());
}
