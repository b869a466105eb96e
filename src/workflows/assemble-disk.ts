import {chmod, chown, open, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import {
  canonicalJson,
  describeEnd,
  formatJson,
  HostError,
  lastLines,
  parseJson,
  readFileIfThere,
  type Sha256,
  StepError,
  sha256,
  sha256OfFile,
  type World,
} from '../base/index.js';
import {
  biosModules,
  coreImageSector,
  type DiskIdentities,
  diskIdentities,
  diskScripts,
  earlyConfiguration,
  espMiB,
  fileSystemTable,
  grubConfiguration,
  layoutDisk,
  patchBiosImages,
  rootSizeMiB,
  sectorBytes,
  sfdiskInput,
} from '../disk/index.js';
import {type ImageDefinition, isGuest} from '../image/index.js';
import {enter, ownByNamespace} from '../sandbox/index.js';
import type {StoredResult} from '../store/index.js';
import {isDiskFull} from './package-trouble.js';
import type {BuiltTree} from './run-tree.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** What is known of a finished image; its file is `<folder>/disk.qcow2`. */
export interface ImageFacts {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
}

/** The key of a finished image: its tree, and how that becomes a disk. */
export function diskKey(tree: Sha256, definition: ImageDefinition, toolsIdentity: Sha256): Sha256 {
  return sha256(canonicalJson({form: 1, tree, disk: definition.disk, toolsIdentity, scripts: {...diskScripts}}));
}

interface DiskJob {
  readonly key: Sha256;
  readonly definition: ImageDefinition;
  readonly tree: BuiltTree;
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly world: World;
  /** Written beside the image, with its digest. */
  readonly sidecar: object;
  readonly logFolder: string;
  readonly reason: string;
}

/** Makes the disk of a tree, without mounting it, and keeps it in the store.
 * @throws {StepError} `step-failed`
 * @throws {HostError} `disk-full`
 */
export async function assembleDisk(job: DiskJob): Promise<StoredResult<ImageFacts>> {
  const {workshop, definition, key, world} = job;
  const staged = await workshop.work.newFolder();
  const out = await workshop.work.newFolder();
  await ownByNamespace(out);
  const identities = diskIdentities(key);
  const changes = await workshop.work.newFolder();

  const contentMiB = await timed('disk/boot', job, () => prepareBoot(job, identities, out, changes));
  const rootMiB = rootSizeMiB(contentMiB, definition.disk.headroom, definition.disk.freeMiB);
  const layout = layoutDisk(rootMiB, identities, definition.architecture);
  await timed('disk/filesystems', job, async () => {
    const [, esp, root] = layout.partitions;
    const size = layout.totalSectors * sectorBytes;
    const args = [size, sfdiskInput(layout), esp?.start, root?.start, rootMiB, identities.rootFilesystem].map(String);
    await runTool('disk/filesystems', diskScripts.makeDisk, args, job, out, [`${changes}/tree`, ...job.tree.layers]);
    await installBiosLoader(out);
  });
  await timed('disk/compress', job, () => runTool('disk/compress', diskScripts.compressDisk, [], job, out));

  const file = `${staged}/disk.qcow2`;
  await rename(`${out}/disk.qcow2`, file);
  await chown(file, 0, 0);
  await chmod(file, 0o644);
  const facts = {
    sha256: await sha256OfFile(file, world.signal),
    sizeBytes: (await stat(file)).size,
    virtualSizeBytes: layout.totalSectors * sectorBytes,
  };
  await writeFile(`${staged}/manifest.json`, `${formatJson({...job.sidecar, ...facts}, 2)}\n`);
  return workshop.store.commit('images', key, staged, facts);
}

async function timed<T>(step: string, {world, reason}: DiskJob, work: () => Promise<T>): Promise<T> {
  world.emit({type: 'step started', step, reason});
  const startedAt = performance.now();
  const value = await work();
  world.emit({type: 'step finished', step, reason, durationMs: performance.now() - startedAt});
  return value;
}

/** @returns The size of the tree in MiB. */
async function prepareBoot(job: DiskJob, identities: DiskIdentities, out: string, changes: string): Promise<number> {
  const {rootFilesystem, espVolume} = identities;
  const args = [
    fileSystemTable(rootFilesystem, espVolume),
    grubConfiguration(rootFilesystem, job.definition.disk.kernelArguments),
    earlyConfiguration(rootFilesystem),
    biosModules.join(' '),
    espVolume,
    String(espMiB),
  ];
  const printed = await runTool('disk/boot', diskScripts.prepareBoot, args, job, out, job.tree.layers, changes);
  return Number(printed.trim());
}

/** What `grub-bios-setup` does on a mounted disk. */
async function installBiosLoader(out: string): Promise<void> {
  const images = [await readFile(`${out}/boot.img`), await readFile(`${out}/core.img`)] as const;
  const {boot, core} = patchBiosImages(...images, coreImageSector);
  const disk = await open(`${out}/disk.raw`, 'r+');
  try {
    await disk.write(boot, 0, boot.length, 0);
    await disk.write(core, 0, core.length, coreImageSector * sectorBytes);
  } finally {
    await disk.close();
  }
}

/** Runs a script in the tools root with the tree at /tmp/tree. Changes to the tree go to `changes`, or away. */
async function runTool(
  step: string,
  script: string,
  args: readonly string[],
  job: DiskJob,
  out: string,
  layers: readonly string[] = [],
  changes?: string,
): Promise<string> {
  const {workshop, tools, world, tree} = job;
  const logFile = `${job.logFolder}/${step.replaceAll('/', '.')}.log`;
  await rm(logFile, {force: true});
  const kept = changes === undefined ? 'discarded' : ({keptIn: changes} as const);
  const outcome = await enter(
    {
      name: 'disk',
      root: tools.tree,
      mounts: [
        {kind: 'bind', at: '/tmp/out', from: out, readOnly: false},
        ...(layers.length > 0 ? [{kind: 'tree', at: '/tmp/tree', tree: {layers, changes: kept}} as const] : []),
      ],
      network: 'none',
      ids: 'mapped',
      env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: String(tree.epoch)},
      cwd: '/tmp',
      argv: ['sh', '-c', script, 'disk', ...args],
    },
    workshop.sandboxes,
    {signal: world.signal, logFile},
  );
  if (outcome.exitCode === 0) return outcome.stdout;
  const output = lastLines(outcome.stderr, 15);
  if (isDiskFull(output)) throw new HostError('disk-full', {doing: step, path: workshop.store.folder});
  const image = job.definition.name;
  throw new StepError('step-failed', {image, step, outcome: describeEnd(outcome), log: logFile, output});
}

/** Trove's configuration parameters as the guest agent in the tree has them; undefined when it brings none.
 * @returns Integers beyond 2^53 are BigInt.
 */
export async function configurationParameters(
  definition: ImageDefinition,
  layers: readonly string[],
): Promise<unknown> {
  if (!isGuest(definition) || definition.purpose.validationRules === undefined) return undefined;
  const path = `trove/templates/${definition.purpose.validationRules}/validation-rules.json`;
  for (const layer of layers) {
    const folder = `${layer}/usr/lib/python3/dist-packages`;
    const text = await readFileIfThere(`${folder}/${path}`);
    if (text !== undefined) return parseJson(text);
  }
  return undefined;
}
