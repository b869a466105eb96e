import {stat} from 'node:fs/promises';
import type {Command} from 'commander';
import type {Emit, World} from '../../base/index.js';
import {formatBytes} from '../../report/index.js';
import type {BuiltImage} from '../../workflows/build-image.js';
import type {Cli} from '../cli.js';
import {type DibCommand, type DibOptions, dibCommand} from '../dib-options.js';
import {
  addConditionOptions,
  addSourceOptions,
  type ConditionOptions,
  conditionsOf,
  type SourceOptions,
  sourcesOf,
} from '../engine-options.js';
import {openLogFile} from '../log-file.js';

/** disk-image-create's options, and the engine's; its `--offline` is upstream's, which is about hooks. */
interface Options extends DibOptions, SourceOptions, ConditionOptions {
  readonly withoutNetwork?: true;
}

export function register(cli: Cli): void {
  const command = cli
    .noun('image')
    .command('dib')
    .description("build an image of elements, with disk-image-create's options (trove-image-builder --dib)")
    .argument('[element...]', 'elements of the image; "base" is added')
    .addHelpText('after', helpTail);
  addDibOptions(command);
  addSourceOptions(command, '--without-network');
  addConditionOptions(command).action(
    cli.actInNamespace(async (world, elements: string[], options: Options) => {
      const asked = dibCommand(elements, options, world.env, await elementFolders(world));
      const {conditions, rebuild} = await conditionsOf(options, options.rebuild);
      const again = rebuild === undefined ? {} : {rebuild};
      const {breakConditions} = await import('../../workflows/break-points.js');
      const all = {...conditions, ...breakConditions(asked.env)};
      const how = {...sourcesOf({...options, ...again}, options.withoutNetwork), conditions: all};
      const image = await build({...asked, request: {...asked.request, ...how}}, world);
      return {value: image, text: textOf(image)};
    }),
  );
}

function addDibOptions(command: Command): Command {
  return command
    .option('-a <architecture>', "amd64 or arm64 (default: this machine's, or ARCH)")
    .option('-o <name>', 'image file without its ending (default: image)')
    .option('-t <list>', 'formats by commas: qcow2, raw, tar, tgz, tar.zst, squashfs, docker (default: qcow2)', add, [])
    .option('-x', 'hooks trace what they do (twice: in more detail)', (_: unknown, before: number) => before + 1, 0)
    .option('-u', 'do not compress the qcow2')
    .option('-c', "clear the environment before the build: none of the caller's DIB_* variables count")
    .option('-n', 'do not add the element "base"')
    .option('-p <list>', 'packages to install after install.d, by commas (may be repeated)', add, [])
    .option('--checksum', 'also write FILE.md5 and FILE.sha256 (DIB_CHECKSUM=1)')
    .option('--image-size <gib>', 'size of the disk in GiB (DIB_IMAGE_SIZE; default: content / 0.6)')
    .option('--image-extra-size <mib>', 'room beside the content in MiB (DIB_IMAGE_EXTRA_SIZE)')
    .option('--image-cache <folder>', 'accepted; the store keeps what is downloaded')
    .option('--max-online-resize <blocks>', 'blocks that the root file system may grow to (MAX_ONLINE_RESIZE)')
    .option('--mkfs-journal-size <mib>', "the root file system's journal in MiB (DIB_JOURNAL_SIZE; default: 64)")
    .option('--mkfs-options <text>', 'more options for mkfs of the root file system')
    .option('--qemu-img-options <list>', 'options of the qcow2, as key=value by commas; compat=0.10 for old clouds')
    .option('--root-label <label>', 'label of the root file system (default: cloudimg-rootfs)')
    .option('--install-type <type>', 'source or package (DIB_DEFAULT_INSTALLTYPE; default: source)')
    .option('--docker-target <name>', 'repository[:tag] in the docker archive (default: the image name)')
    .option('--offline', 'tell hooks to fetch nothing anew (DIB_OFFLINE=1)')
    .option('--logfile <file>', 'write what happens there, and nothing to the terminal (DIB_QUIET=0: both)')
    .option('--no-tmpfs', 'accepted; builds work in the store')
    .option('--min-tmpfs <gib>', 'accepted; builds work in the store')
    .option('--ramdisk-element <name>', 'accepted; ramdisks are made by ramdisk-image-create');
}

const helpTail = `
Elements are looked for in ELEMENTS_PATH, then among those of an installed python3-diskimage-builder, then among ours.
"vm" without a "block-device-*" element gets block-device-mbr (arm64: block-device-efi). A file that is there is renamed
with its date; OVERWRITE_OLD_IMAGE=1 replaces it. The lock beside the image is taken the next time: --update moves it.
Put --rebuild with its steps behind the elements.

Examples:
  DIB_RELEASE=trixie trove-image-builder --dib -o debian -t qcow2,raw vm debian-minimal
  ELEMENTS_PATH=~/elements trove-image-builder --dib -p tmux,strace --checksum vm debian-minimal my-element

Where this differs from disk-image-create: docs/upstream/dib-differences.md, docs/upstream/block-devices.md`;

/** Where Debian's and Ubuntu's package has upstream's elements. */
const packagedElements = '/usr/lib/python3/dist-packages/diskimage_builder/elements';

/** A folder named here comes before the environment's, so that those are repeated: the first that has an element wins. */
async function elementFolders({env}: World): Promise<string[]> {
  const named = (env.ELEMENTS_PATH ?? '').split(':').filter(Boolean);
  const isInstalled = await stat(packagedElements).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isInstalled ? [...named, packagedElements] : named;
}

async function build({request, env, remarks, logFile, isQuiet}: DibCommand, world: World): Promise<BuiltImage> {
  for (const text of remarks) world.emit({type: 'warning', text});
  const {buildImage} = await import('../../workflows/build-image.js');
  if (logFile === undefined) return buildImage(request, {...world, env});
  using log = openLogFile(logFile, env.DIB_NO_TIMESTAMP !== '1');
  const emit: Emit = (event) => {
    log.emit(event);
    if (!isQuiet || event.type === 'warning') world.emit(event);
  };
  return await buildImage(request, {...world, env, emit});
}

function add(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function textOf(image: BuiltImage): string {
  const steps = image.stepsRun === 0 ? 'nothing changed' : `${image.stepsRun} steps run, ${image.stepsReused} reused`;
  const disk = image.virtualSizeBytes === undefined ? [] : [`  disk     ${formatBytes(image.virtualSizeBytes)}`];
  const files = image.files.map(({file, sizeBytes}) => `${file} (${formatBytes(sizeBytes)})`);
  return [...files, ...disk, `  steps    ${steps}`].join('\n');
}
