import {access, chmod, constants, mkdir, writeFile} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {dirname} from 'node:path';
import {StepError, type World} from '../base/index.js';
import type {DiskFile} from '../disk/index.js';
import {
  type Accelerator,
  type BootRecord,
  causeOf,
  type DriveFile,
  describeCause,
  emptyRecord,
  type Firmware,
  isOver,
  type Machine,
  type Milestone,
  machineScript,
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
  if (record.answer !== undefined) {
    return {accelerator, serverVersion: record.answer, milestones: record.milestones};
  }
  const cause = causeOf(record, silence(end, boot.timeoutMs));
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

function silence(end: MachineRun['end'], timeoutMs: number): string {
  return end === 'time is up' ? `nothing more happened within ${timeoutMs / 1000} s` : 'the machine stopped';
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

function hasKernel(record: BootRecord): boolean {
  return record.milestones.length > 0;
}

async function isOpenable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

interface MachineRun {
  readonly record: BootRecord;
  readonly end: 'time is up' | 'machine stopped';
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
  const startedAt = performance.now();
  let record = emptyRecord;
  const onLine = (line: string) => {
    const before = record.milestones.length;
    record = readConsoleLine(record, line, Math.round(performance.now() - startedAt));
    for (const {name, atMs} of record.milestones.slice(before)) world.emit({type: 'milestone', name, atMs});
    world.emit({type: 'output', source: 'console', line});
    if (isEnough(record)) enough.abort();
  };
  const spec = machineSpec(boot, accelerator, await writeDrive(boot.drive, workshop));
  const signal = AbortSignal.any([world.signal, enough.signal]);
  try {
    const outcome = await enter(spec, workshop.sandboxes, {signal, timeoutMs, logFile, onLine});
    return {record, end: outcome.timedOut ? 'time is up' : 'machine stopped'};
  } catch (error) {
    if (!enough.signal.aborted || world.signal.aborted) throw error;
    return {record, end: 'machine stopped'};
  }
}

async function writeDrive(files: readonly DriveFile[], workshop: Workshop): Promise<string> {
  const folder = await workshop.work.newFolder();
  for (const {path, content} of files) {
    await mkdir(dirname(`${folder}/${path}`), {recursive: true});
    await writeFile(`${folder}/${path}`, content);
  }
  await chmod(folder, 0o755);
  return folder;
}

function machineSpec(boot: GuestBoot, accelerator: Accelerator, drive: string): SandboxSpec {
  const machine: Machine = {
    firmware: boot.firmware,
    accelerator,
    memoryMiB: boot.memoryMiB,
    cpus: Math.min(2, availableParallelism()),
    image: {path: '/image', format: boot.disk.format},
    volume: '/var/tmp/volume.raw',
    configDrive: '/var/tmp/config.iso',
    firmwareVariables: '/var/tmp/variables.fd',
    credentials: boot.credentials,
  };
  return {
    name: 'guest',
    root: boot.tools,
    mounts: [
      {kind: 'bind', at: '/image', from: boot.disk.path, readOnly: true},
      {kind: 'bind', at: '/drive', from: drive, readOnly: true},
      ...(accelerator === 'kvm' ? [{kind: 'bind', at: '/dev/kvm', from: '/dev/kvm', readOnly: false} as const] : []),
    ],
    network: 'none',
    ids: 'host',
    env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TMPDIR: '/var/tmp'},
    cwd: '/',
    argv: ['sh', '-c', machineScript(machine, '/drive', boot.volumeGiB)],
  };
}
