import {randomBytes, randomUUID} from 'node:crypto';
import {resolve} from 'node:path';
import {UsageError, type World} from '../base/index.js';
import {chooseVersion, readCatalogue} from '../datastore/index.js';
import {type DiskFile, readDiskFile} from '../disk/index.js';
import {
  type Accelerator,
  type Check,
  configDrive,
  type Firmware,
  findAgentStart,
  type Milestone,
  type ProofSubject,
  proofCredentials,
  proofScript,
} from '../guest/index.js';
import {bootGuest} from './boot-guest.js';
import {inspectImage, type SoundImage} from './inspect-image.js';
import {ensureToolsRoot} from './tools-root.js';
import {openWorkshop, type Workshop} from './workshop.js';

export interface VerifyRequest {
  readonly file: string;
  /** Boot it and ask its database, after looking at its structure. */
  readonly boot: boolean;
  readonly firmware?: Firmware | undefined;
  /** What the image serves, `mariadb` or `mariadb:11.8`; default: what the image says of itself. */
  readonly datastore?: string | undefined;
  readonly version?: string | undefined;
  /** For the whole boot, power-on to answer. */
  readonly timeoutMs?: number | undefined;
}

/** What was found out of an image; what doesn't hold is thrown instead. */
export interface Verdict {
  /** It booted and its database answered; false when only its structure was looked at. */
  readonly proven: boolean;
  readonly file: string;
  readonly checks: readonly Check[];
  readonly firmware?: Firmware;
  readonly accelerator?: Accelerator;
  readonly datastore?: string;
  readonly version?: string;
  /** In the server's own words. */
  readonly serverVersion?: string;
  readonly milestones: readonly Milestone[];
  readonly durationMs: number;
}

const defaultTimeoutMs = 600_000;

/** Looks into an image file and, when asked, boots it as a cloud would: with a config drive from Trove and an empty volume, on
 * a network that leads nowhere. The file is only read.
 * @throws {UsageError} `file-not-found`, `not-a-disk-image`, `unknown-datastore`, `unknown-version`, `bad-argument`
 * @throws {StepError} `image-unsound`, `boot-not-proven`
 */
export async function verifyImage(request: VerifyRequest, world: World): Promise<Verdict> {
  const startedAt = performance.now();
  const file = resolve(request.file);
  const disk = await readDiskFile(file);
  await using workshop = await openWorkshop(world);
  const image = await inspectImage(disk, workshop, world);
  const subject = request.boot ? await chooseSubject(image, request, world) : undefined;
  const boot = subject ? await proveBoot(disk, subject, request, workshop, world) : undefined;
  return {
    proven: boot !== undefined,
    file,
    checks: image.checks,
    milestones: [],
    ...boot,
    durationMs: Math.round(performance.now() - startedAt),
  };
}

interface ProvenSubject extends ProofSubject {
  readonly version: string;
}

/** What to prove: what was asked for, else what the image says of itself. */
async function chooseSubject(image: SoundImage, request: VerifyRequest, world: World): Promise<ProvenSubject> {
  const name = request.datastore ?? image.datastore;
  const version = request.version ?? (request.datastore === undefined ? image.version : undefined);
  const chosen = chooseVersion(await readCatalogue(world.paths.home), version ? `${name}:${version}` : name);
  const {datastore} = chosen;
  const start = findAgentStart(datastore.manager);
  if (!start) {
    throw new UsageError('bad-argument', {
      argument: '--boot',
      problem: `how Trove's manager "${datastore.manager}" starts its database is not known to the boot proof`,
      next: 'trovestack image verify FILE looks at all but the boot',
    });
  }
  return {start, datastore, container: chosen.version.container, version: chosen.version.version};
}

type BootVerdict = Pick<Verdict, 'firmware' | 'accelerator' | 'datastore' | 'version' | 'serverVersion' | 'milestones'>;

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
  const script = proofScript(subject, randomBytes(16).toString('hex'));
  const tools = await ensureToolsRoot('machines', workshop, world);
  const {accelerator, serverVersion, milestones} = await bootGuest(
    {
      disk,
      firmware,
      tools: tools.tree,
      drive: configDrive(identity),
      credentials: proofCredentials(script),
      memoryMiB: datastore.minimum.ramMiB,
      volumeGiB: datastore.minimum.volumeGiB,
      timeoutMs: request.timeoutMs ?? defaultTimeoutMs,
    },
    workshop,
    world,
  );
  return {firmware, accelerator, datastore: datastore.name, version, serverVersion, milestones};
}
