import {chmod} from 'node:fs/promises';
import {z} from 'zod';
import {describeEnd, lastLines, type Outcome, StepError, type World} from '../base/index.js';
import type {DiskFile} from '../disk/index.js';
import {type Check, checkPartitions, type Partition, parsePartitions} from '../guest/index.js';
import {enter} from '../sandbox/index.js';
import {ensureToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** An image that holds what it should, as far as can be seen without booting it. */
export interface SoundImage {
  readonly checks: readonly Check[];
  /** What the image says that it serves. */
  readonly datastore: string;
  readonly version: string;
}

/** Looks into an image without booting it: the file itself, its partitions, the root file system, the boot files, the manifest.
 * @throws {StepError} `image-unsound` at the first thing that is wrong.
 */
export async function inspectImage(disk: DiskFile, workshop: Workshop, world: World): Promise<SoundImage> {
  const run = await openInspection(disk, workshop, world);
  const checks: Check[] = [];
  const note = (check: Check) => {
    if (!check.isPassed)
      throw new StepError('image-unsound', {file: disk.path, check: check.name, detail: check.detail});
    checks.push(check);
  };
  if (disk.format === 'qcow2') {
    note(outcomeCheck('qcow2', 'consistent', await run(['qemu-img', 'check', '--quiet', '-f', 'qcow2', imageInside])));
  }
  const convert = ['qemu-img', 'convert', '-f', disk.format, '-O', 'raw', imageInside, rawInside];
  note(outcomeCheck('content', `${disk.virtualSizeBytes / 2 ** 20} MiB readable`, await run(convert)));
  const partitions = await readPartitions(run);
  note(typeof partitions === 'string' ? failed('partitions', partitions) : checkPartitions(partitions));
  const root = at(partitions, 'root');
  const esp = at(partitions, 'EFI system');
  note(outcomeCheck('root file system', 'clean', await run(['e2fsck', '-f', '-n', `${rawInside}?offset=${root}`])));
  note(bootFileCheck(await run(['mdir', '-b', '-i', `${rawInside}@@${esp}`, '::/EFI/BOOT'])));
  const manifest = readManifest(await run(['debugfs', '-R', `cat ${manifestInside}`, `${rawInside}?offset=${root}`]));
  note(manifestCheck(manifest));
  return {checks, datastore: manifest?.datastore ?? '', version: manifest?.version ?? ''};
}

const imageInside = '/image';
const rawInside = '/scratch/disk.raw';
const manifestInside = '/etc/trovestack/manifest.json';

const manifestSchema = z.looseObject({datastore: z.string(), version: z.string(), series: z.string()});

type Manifest = z.output<typeof manifestSchema>;

type Run = (argv: readonly string[]) => Promise<Outcome>;

/** Runs programs of the tools root that see the image, read-only, and one scratch folder between them. */
async function openInspection(disk: DiskFile, workshop: Workshop, world: World): Promise<Run> {
  const tools = await ensureToolsRoot('assembly', workshop, world);
  const scratch = await workshop.work.newFolder();
  await chmod(scratch, 0o777);
  return (argv) =>
    enter(
      {
        name: 'inspection',
        root: tools.tree,
        mounts: [
          {kind: 'bind', at: imageInside, from: disk.path, readOnly: true},
          {kind: 'bind', at: '/scratch', from: scratch, readOnly: false},
        ],
        network: 'none',
        ids: 'host',
        env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1'},
        cwd: '/',
        argv,
      },
      workshop.sandboxes,
      {signal: world.signal},
    );
}

async function readPartitions(run: Run): Promise<Partition[] | string> {
  const outcome = await run(['sfdisk', '--json', rawInside]);
  return outcome.exitCode === 0 ? parsePartitions(outcome.stdout) : 'there is no partition table';
}

function at(partitions: readonly Partition[] | string, role: Partition['role']): number {
  return typeof partitions === 'string'
    ? 0
    : (partitions.find((partition) => partition.role === role)?.startBytes ?? 0);
}

function outcomeCheck(name: string, good: string, outcome: Outcome): Check {
  if (outcome.exitCode === 0) return {name, isPassed: true, detail: good};
  return failed(name, lastLines(outcome.stderr || outcome.stdout, 3) || describeEnd(outcome));
}

function failed(name: string, detail: string): Check {
  return {name, isPassed: false, detail};
}

function bootFileCheck(outcome: Outcome): Check {
  const name = 'UEFI boot file';
  if (/BOOT(X64|AA64)\.EFI/i.test(outcome.stdout)) return {name, isPassed: true, detail: 'in the EFI system partition'};
  return failed(name, 'no EFI/BOOT/BOOTX64.EFI in the EFI system partition');
}

function readManifest(outcome: Outcome): Manifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(outcome.stdout));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

function manifestCheck(manifest: Manifest | undefined): Check {
  const name = 'manifest';
  if (!manifest) return failed(name, `no readable ${manifestInside} in the image`);
  return {name, isPassed: true, detail: `${manifest.datastore} ${manifest.version}, series ${manifest.series}`};
}
