import {randomBytes, randomUUID} from 'node:crypto';
import {resolve} from 'node:path';
import {StepError, UsageError, type World} from '../base/index.js';
import type {ChosenVersion} from '../datastore/index.js';
import {type DiskFile, readDiskFile} from '../disk/index.js';
import {
  type Accelerator,
  agentOptions,
  configDrive,
  type Firmware,
  findAgentStart,
  type GuestIdentity,
  loneAgentOptions,
  type Milestone,
  type ProofSubject,
  proofCredentials,
  proofScript,
} from '../guest/index.js';
import type {JudgedFinding} from '../rules/index.js';
import {bootGuest, type GuestBoot, guestCpus} from './boot-guest.js';
import {judgeImage} from './judge-image.js';
import {ensureToolsRoot} from './tools-root.js';
import {openWorkshop, type Workshop} from './workshop.js';

/** `control-plane`: Trove's own code prepares the guest through its agent, and the database is asked from outside, before and
 * after a restart. `database`: the database is started as the agent would, and asked within the guest. */
export type ProofDepth = 'control-plane' | 'database';

export interface VerifyRequest {
  readonly file: string;
  /** Boot it and ask its database, when the rules found no error in it. */
  readonly boot: boolean;
  readonly firmware?: Firmware | undefined;
  /** How much of a cloud the boot has; default `database`. */
  readonly depth?: ProofDepth | undefined;
  /** What the image serves, `mariadb` or `mariadb:11.8`; default: what the image says of itself. */
  readonly datastore?: string | undefined;
  /** File with findings that may stay. */
  readonly waivers?: string | undefined;
  /** For the whole boot, power-on to answer. */
  readonly timeoutMs?: number | undefined;
}

/** What was found out of an image. A boot that fails is thrown instead. */
export interface Verdict {
  /** No rule found an error, save those that are waived. */
  readonly sound: boolean;
  /** It booted and its database answered; false when it was only looked into. */
  readonly proven: boolean;
  readonly file: string;
  readonly rulesAsked: number;
  readonly findings: readonly JudgedFinding[];
  readonly firmware?: Firmware;
  readonly depth?: ProofDepth;
  readonly accelerator?: Accelerator;
  readonly datastore?: string;
  readonly version?: string;
  /** In the server's own words. */
  readonly serverVersion?: string;
  readonly milestones: readonly Milestone[];
  readonly durationMs: number;
}

const defaultTimeoutMs = 900_000;

/** Asks the rules of an image file and, when asked, boots it as a cloud would: with a config drive from Trove and an empty
 * volume, on a network that leads to the proof's own control plane at most. The file is only read. An image with errors isn't booted.
 * @throws {UsageError} `file-not-found`, `not-a-disk-image`, `unknown-datastore`, `unknown-version`, `bad-argument`,
 * `invalid-file`
 * @throws {StepError} `image-unsound` when it is too damaged to be read; `boot-not-proven`
 */
export async function verifyImage(request: VerifyRequest, world: World): Promise<Verdict> {
  const startedAt = performance.now();
  const file = resolve(request.file);
  const disk = await readDiskFile(file);
  await using workshop = await openWorkshop(world);
  const {judgement, chosen} = await judgeImage(disk, request, workshop, world);
  const {isSound, findings, rulesAsked} = judgement;
  const subject = request.boot && isSound ? subjectOf(chosen) : undefined;
  const boot = subject ? await proveBoot(disk, subject, request, workshop, world) : undefined;
  return {
    sound: isSound,
    proven: boot !== undefined,
    file,
    rulesAsked,
    findings,
    milestones: [],
    ...boot,
    durationMs: Math.round(performance.now() - startedAt),
  };
}

/** For those who can't go on with an image that has errors.
 * @throws {StepError} `image-unsound` with the first error.
 */
export function demandSound({sound, file, findings}: Verdict): void {
  if (sound) return;
  const first = findings.find(({severity, waiver}) => severity === 'error' && waiver === undefined);
  const detail = [first?.path, first?.detail].filter(Boolean).join(': ');
  throw new StepError('image-unsound', {file, check: first?.rule ?? '', detail});
}

interface ProvenSubject extends ProofSubject {
  readonly version: string;
}

function subjectOf(chosen: ChosenVersion | undefined): ProvenSubject {
  if (!chosen) {
    const problem = 'nothing says which datastore the image serves';
    throw new UsageError('bad-argument', {
      argument: '--boot',
      problem,
      next: 'trovestack image verify FILE --boot --datastore NAME:VERSION',
    });
  }
  const {datastore, version} = chosen;
  const start = findAgentStart(datastore.manager);
  if (!start) {
    throw new UsageError('bad-argument', {
      argument: '--boot',
      problem: `how Trove's manager "${datastore.manager}" starts its database is not known to the boot proof`,
      next: 'trovestack image verify FILE looks at all but the boot',
    });
  }
  return {start, datastore, container: version.container, version: version.version};
}

type BootVerdict = Pick<
  Verdict,
  'firmware' | 'depth' | 'accelerator' | 'datastore' | 'version' | 'serverVersion' | 'milestones'
>;

async function proveBoot(
  disk: DiskFile,
  subject: ProvenSubject,
  request: VerifyRequest,
  workshop: Workshop,
  world: World,
): Promise<BootVerdict> {
  const {datastore, version} = subject;
  const firmware = request.firmware ?? 'bios';
  const identity = {
    guestId: randomUUID(),
    manager: datastore.manager,
    datastoreVersion: version,
    rpcKey: randomBytes(16).toString('hex'),
  };
  const depth = request.depth ?? 'database';
  const tools = await ensureToolsRoot(depth === 'database' ? 'machines' : 'proof', workshop, world);
  const {accelerator, serverVersion, milestones} = await bootGuest(
    {
      disk,
      firmware,
      tools: tools.tree,
      guestId: identity.guestId,
      memoryMiB: datastore.minimum.ramMiB,
      volumeGiB: datastore.minimum.volumeGiB,
      timeoutMs: request.timeoutMs ?? defaultTimeoutMs,
      ...(depth === 'database' ? loneScene(identity, subject) : cloudScene(identity, subject)),
    },
    workshop,
    world,
  );
  return {firmware, depth, accelerator, datastore: datastore.name, version, serverVersion, milestones};
}

type Scene = Pick<GuestBoot, 'drive' | 'credentials' | 'controlPlane'>;

/** A guest that is given the proof as a unit of its own. */
function loneScene(identity: GuestIdentity, subject: ProvenSubject): Scene {
  const script = proofScript(subject, randomBytes(16).toString('hex'));
  return {drive: configDrive(identity, loneAgentOptions), credentials: proofCredentials(script)};
}

/** A guest that a control plane waits for. */
function cloudScene(identity: GuestIdentity, {datastore}: ProvenSubject): Scene {
  const brokerPassword = randomBytes(16).toString('hex');
  const userPassword = randomBytes(16).toString('hex');
  const {ramMiB: memoryMiB} = datastore.minimum;
  return {
    drive: configDrive(identity, agentOptions(brokerPassword)),
    credentials: {},
    controlPlane: {identity, datastore, brokerPassword, userPassword, memoryMiB, cpus: guestCpus()},
  };
}
