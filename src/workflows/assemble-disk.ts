import {chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import {
  describeEnd,
  formatJson,
  HostError,
  isDiskFull,
  lastLines,
  parseJson,
  readFileWithin,
  type Sha256,
  StepError,
  sha256OfFile,
  type World,
} from '../base/index.js';
import {
  archiveTree,
  type BootFiles,
  type BootPlace,
  biosModules,
  bootPlace,
  checkContent,
  convertDisk,
  type DiskLayout,
  diskSize,
  dockerArchive,
  earlyConfiguration,
  fileSystemTable,
  findBootFiles,
  grubConfiguration,
  gzipArchive,
  type IdentifiedFilesystem,
  identifyFilesystems,
  layoutDisk,
  makeDisk,
  measureContent,
  packDocker,
  patchBiosImages,
  prepareBoot,
  sectorBytes,
  squashTree,
  unmountedFolder,
  writeFileSystemTable,
  zstdArchive,
} from '../disk/index.js';
import {type ImageDefinition, type ImageFormat, isDiskFormat, isGuest} from '../image/index.js';
import {enter, ownByNamespace} from '../sandbox/index.js';
import type {Replaces, StoredResult} from '../store/index.js';
import type {DiskPlan, OutputPlan} from './plan-disk.js';
import type {BuiltTree} from './run-tree.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** One finished file of an image. */
export interface ImageOutput {
  readonly format: ImageFormat;
  /** In the image's folder. */
  readonly name: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/** What is known of a finished image. */
export interface ImageFacts {
  readonly outputs: readonly ImageOutput[];
  /** Of the disk; absent when none was asked for. */
  readonly virtualSizeBytes?: number;
}

export interface DiskJob {
  /** Of the image in the store. */
  readonly key: Sha256;
  /** What the image is made in place of. */
  readonly replaces?: Replaces | undefined;
  /** What identities come from. */
  readonly diskKey: Sha256;
  readonly definition: ImageDefinition;
  readonly disk: DiskPlan;
  readonly output: OutputPlan;
  readonly tree: BuiltTree;
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly world: World;
  /** Kept beside the files, as `manifest.json`. */
  readonly sidecar: object;
  /** Further texts that are kept beside the files, by their names. */
  readonly companions: Readonly<Record<string, string>>;
  readonly logFolder: string;
  readonly reason: string;
}

/** What the assembly works in. */
interface Bench extends DiskJob {
  /** Folder for files. */
  readonly out: string;
  /** The tree's layers with the boot configuration on top. */
  readonly layers: readonly string[];
  readonly filesystems: readonly IdentifiedFilesystem[];
}

/** Makes an image's files of its tree, without mounting a disk, and keeps them in the store.
 * @throws {UsageError} `image-too-small`
 * @throws {StepError} `step-failed`, `nothing-boots`
 * @throws {HostError} `disk-full`
 */
export async function assembleDisk(job: DiskJob): Promise<StoredResult<ImageFacts>> {
  const {workshop, output} = job;
  const out = await workshop.work.newFolder();
  await ownByNamespace(out);
  const changes = await workshop.work.newFolder();
  const filesystems = identifyFilesystems(job.disk.devices, job.diskKey);
  const bench = {...job, out, filesystems, layers: [`${changes}/tree`, ...job.tree.layers]};

  await timed('disk/boot', job, () => prepareTree(bench, changes));
  const isDisk = output.formats.some(isDiskFormat);
  let virtualSizeBytes: number | undefined;
  const disks = async () => {
    if (isDisk) virtualSizeBytes = await makeDisks(bench);
  };
  await allDone([disks(), makeArchives(bench)]);

  const staged = await workshop.work.newFolder();
  const outputs: ImageOutput[] = [];
  for (const format of output.formats) outputs.push(await keepOutput(format, staged, bench));
  await writeFile(`${staged}/manifest.json`, `${formatJson(job.sidecar, 2)}\n`);
  for (const [name, text] of Object.entries(job.companions)) await writeFile(`${staged}/${name}`, text);
  const facts = {outputs, ...(virtualSizeBytes === undefined ? {} : {virtualSizeBytes})};
  return workshop.store.commit('images', job.key, staged, facts, {on: [job.tree.instance], replaces: job.replaces});
}

/** Waits for all to end, so that nothing still writes where one's failure is told; then throws the first failure. */
async function allDone(works: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const end of await Promise.allSettled(works)) if (end.status === 'rejected') throw end.reason;
}

async function timed<T>(step: string, {world, reason}: DiskJob, work: () => Promise<T>): Promise<T> {
  world.emit({type: 'step started', step, reason});
  const startedAt = performance.now();
  const value = await work();
  world.emit({type: 'step finished', step, reason, durationMs: performance.now() - startedAt});
  return value;
}

/** Writes fstab and the boot loader's files into the tree. */
async function prepareTree(bench: Bench, changes: string): Promise<void> {
  const {disk, filesystems, tree} = bench;
  const table = fileSystemTable(filesystems, disk.identifiedBy);
  const boot = await bootArguments(bench);
  const script = boot ? `${writeFileSystemTable}${prepareBoot}` : writeFileSystemTable;
  await runTool('disk/boot', script, [table, ...(boot ?? [])], bench, {layers: tree.layers, changes});
}

/** What `prepareBoot` takes; undefined for an image without a boot loader. */
async function bootArguments(bench: Bench): Promise<readonly string[] | undefined> {
  const {disk, filesystems} = bench;
  const place = bootPlace(filesystems);
  if (!disk.boot || !place) return undefined;
  const {named, links} = await readBootFiles(place, bench);
  const root = filesystems.find(({mountPoint}) => mountPoint === '/') ?? place.filesystem;
  return [
    grubConfiguration(root, disk.identifiedBy, place, named, disk.boot),
    earlyConfiguration(place),
    biosModules.join(' '),
    ...links,
    efiFolder(filesystems),
  ];
}

/** Kernel and initramfs by the links that Debian's packages keep, which outlive an upgrade; a /boot of its own has none. */
async function readBootFiles(
  place: BootPlace,
  bench: Bench,
): Promise<{readonly named: BootFiles; readonly links: readonly [string, string]}> {
  const {layers} = bench.tree;
  const printed = await runTool('disk/boot', findBootFiles, [], bench, {layers});
  const [kernel = '', initramfs = ''] = printed.split('\n');
  if (kernel === '') {
    throw new StepError('nothing-boots', {
      image: bench.definition.name,
      problem: 'there is no kernel in /boot',
      next: 'add an element or a package that installs one, for example linux-image-cloud-amd64',
    });
  }
  if (place.isOwnFilesystem) {
    const named = {kernel: `/${kernel}`, ...(initramfs ? {initramfs: `/${initramfs}`} : {})};
    return {named, links: ['', '']};
  }
  return {named: {kernel: '/vmlinuz', ...(initramfs ? {initramfs: '/initrd.img'} : {})}, links: [kernel, initramfs]};
}

/** Where the EFI system partition's files are put, as the tools see it; empty without one. */
function efiFolder(filesystems: readonly IdentifiedFilesystem[]): string {
  const index = filesystems.findIndex(({isEfiSystem}) => isEfiSystem);
  if (index < 0) return '';
  const {mountPoint} = filesystems[index] ?? {};
  return mountPoint === undefined ? unmountedFolder(index) : `/tmp/tree${mountPoint}`;
}

/** @returns The disk's size. */
async function makeDisks(bench: Bench): Promise<number> {
  const {output, out} = bench;
  const layout = await timed('disk/filesystems', bench, async () => {
    const planned = await planLayout(bench);
    await runTool('disk/filesystems', makeDisk(planned), [], bench, bench);
    if (bench.disk.boot) await installBiosLoader(planned, bench);
    return planned;
  });
  if (output.formats.includes('qcow2')) {
    await timed('disk/compress', bench, () => runTool('disk/compress', convertDisk(output.qcow2), [], bench));
  }
  if (!output.formats.includes('raw')) await rm(`${out}/disk.raw`);
  return layout.totalSectors * sectorBytes;
}

async function planLayout(bench: Bench): Promise<DiskLayout> {
  const {disk, diskKey, filesystems} = bench;
  const printed = await runTool('disk/filesystems', measureContent(filesystems), [], bench, bench);
  const sizes = printed.trim().split('\n').map(Number);
  const contentKiB = Object.fromEntries(filesystems.map(({name}, index) => [name, sizes[index] ?? 0]));
  const layout = layoutDisk(disk.devices, diskSize(disk.devices, disk.size, contentKiB), diskKey);
  checkContent(layout, contentKiB);
  return layout;
}

/** What `grub-bios-setup` does on a mounted disk. A disk without a place for it boots by UEFI, or not at all. */
async function installBiosLoader({biosCore, filesystems}: DiskLayout, {out, definition}: Bench): Promise<void> {
  const refuse = (problem: string, next: string) =>
    new StepError('nothing-boots', {image: definition.name, problem, next});
  const hasEfi = filesystems.some(({isEfiSystem}) => isEfiSystem);
  if (!biosCore) {
    if (hasEfi) return;
    const next = 'add a partition of type "EF02" (BIOS) or a vfat one of type "EF00" (UEFI) to the block devices';
    throw refuse('the disk has no place for one', next);
  }
  const [bootImage, coreImage] = [await readFile(`${out}/boot.img`), await readFile(`${out}/core.img`)];
  if (coreImage.length > biosCore.size * sectorBytes) {
    const room = `${biosCore.size} sectors are free for ${Math.ceil(coreImage.length / sectorBytes)}`;
    throw refuse(`its place on the disk is too small: ${room}`, 'give the partitions an alignment of 1MiB');
  }
  const {boot, core} = patchBiosImages(bootImage, coreImage, biosCore.start);
  const disk = await open(`${out}/disk.raw`, 'r+');
  try {
    await disk.write(boot, 0, boot.length, 0);
    await disk.write(core, 0, core.length, biosCore.start * sectorBytes);
  } finally {
    await disk.close();
  }
}

/** The forms that hold the tree alone. */
async function makeArchives(bench: Bench): Promise<void> {
  const has = (format: ImageFormat) => bench.output.formats.includes(format);
  const make = (format: ImageFormat, script: string, tree?: ToolTree) =>
    timed(`disk/${format}`, bench, () => runTool(`disk/${format}`, script, [], bench, tree));
  const archive = async () => {
    if (!has('tar') && !has('tgz') && !has('tar.zst') && !has('docker')) return;
    await make('tar', archiveTree, bench);
    await allDone([
      has('tgz') ? make('tgz', gzipArchive) : undefined,
      has('tar.zst') ? make('tar.zst', zstdArchive) : undefined,
      has('docker') ? packLayer(bench) : undefined,
    ]);
  };
  await allDone([has('squashfs') ? make('squashfs', squashTree, bench) : undefined, archive()]);
}

/** Makes Docker's archive of tree.tar. */
async function packLayer(bench: Bench): Promise<void> {
  const {out, output, definition, tree, world} = bench;
  const layer = await sha256OfFile(`${out}/tree.tar`, world.signal);
  const {files} = dockerArchive(layer, output.dockerTarget, definition.architecture, tree.epoch);
  await mkdir(`${out}/docker`);
  await ownByNamespace(`${out}/docker`);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(`${out}/docker/${name}`, text);
    await ownByNamespace(`${out}/docker/${name}`);
  }
  await timed('disk/docker', bench, () => runTool('disk/docker', packDocker, [], bench));
}

const fileNames: Readonly<Record<ImageFormat, string>> = {
  qcow2: 'disk.qcow2',
  raw: 'disk.raw',
  tar: 'tree.tar',
  tgz: 'tree.tgz',
  'tar.zst': 'tree.tar.zst',
  squashfs: 'tree.squash',
  docker: 'tree.docker.tar',
};

async function keepOutput(format: ImageFormat, staged: string, {out, world}: Bench): Promise<ImageOutput> {
  const name = fileNames[format];
  const file = `${staged}/${name}`;
  await rename(`${out}/${name}`, file);
  await chown(file, 0, 0);
  await chmod(file, 0o644);
  return {format, name, sha256: await sha256OfFile(file, world.signal), sizeBytes: (await stat(file)).size};
}

/** A tree for a tool at /tmp/tree. Changes to it go to a folder, or away. */
interface ToolTree {
  readonly layers: readonly string[];
  readonly changes?: string;
}

/** Runs a script in the tools root. */
async function runTool(
  step: string,
  script: string,
  args: readonly string[],
  bench: Bench,
  tree?: ToolTree,
): Promise<string> {
  const {workshop, tools, world} = bench;
  const logFile = `${bench.logFolder}/${step.replaceAll('/', '.')}.log`;
  await rm(logFile, {force: true});
  const changes = tree?.changes === undefined ? 'discarded' : ({keptIn: tree.changes} as const);
  const outcome = await enter(
    {
      name: 'disk',
      root: tools.tree,
      mounts: [
        {kind: 'bind', at: '/tmp/out', from: bench.out, readOnly: false},
        ...(tree ? [{kind: 'tree', at: '/tmp/tree', tree: {layers: tree.layers, changes}} as const] : []),
      ],
      network: 'none',
      ids: 'mapped',
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        MTOOLS_SKIP_CHECK: '1',
        SOURCE_DATE_EPOCH: String(bench.tree.epoch),
      },
      cwd: '/tmp',
      argv: ['bash', '--norc', '-c', script, 'disk', ...args],
    },
    workshop.sandboxes,
    {signal: world.signal, logFile},
  );
  if (outcome.exitCode === 0) return outcome.stdout;
  const output = lastLines(outcome.stderr, 15);
  if (isDiskFull(output)) throw new HostError('disk-full', {doing: step, path: workshop.store.folder});
  const image = bench.definition.name;
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
    const text = await readFileWithin(layer, `usr/lib/python3/dist-packages/${path}`);
    if (text !== undefined) return parseJson(text);
  }
  return undefined;
}
