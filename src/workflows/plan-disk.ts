import {readFile} from 'node:fs/promises';
import {canonicalJson, type Sha256, sha256, systemErrorCode, UsageError, type World} from '../base/index.js';
import {
  type BlockDevices,
  type BootSettings,
  bareBlockDevices,
  diskTexts,
  guestBlockDevices,
  parseBlockDevices,
  type Qcow2Options,
  upstreamBootSettings,
} from '../disk/index.js';
import type {Element} from '../element/index.js';
import {type DiskDefinition, type ImageDefinition, type ImageFormat, isGuest} from '../image/index.js';

/** What becomes of a finished tree. */
export interface DiskPlan {
  readonly devices: BlockDevices;
  readonly size: DiskDefinition['size'];
  readonly identifiedBy: DiskDefinition['identifiedBy'];
  /** Absent for an image without a boot loader. */
  readonly boot?: BootSettings;
}

/** What is written. */
export interface OutputPlan {
  readonly formats: readonly ImageFormat[];
  readonly qcow2: Qcow2Options;
  /** `repository[:tag]` in a Docker archive. */
  readonly dockerTarget: string;
}

/** The block devices of an image: as `DIB_BLOCK_DEVICE_CONFIG` says, else as an element does, else those of its kind.
 * @throws {UsageError} `invalid-file`, `file-not-found`
 */
export async function readBlockDevices(
  definition: ImageDefinition,
  elements: readonly Element[],
  world: World,
): Promise<BlockDevices> {
  const {path, text} = await configurationOf(definition, elements, world);
  return parseBlockDevices(path, text, definition.disk.root);
}

interface Configuration {
  readonly path: string;
  readonly text: string;
}

async function configurationOf(
  definition: ImageDefinition,
  elements: readonly Element[],
  world: World,
): Promise<Configuration> {
  const given = definition.tree.environment.DIB_BLOCK_DEVICE_CONFIG;
  if (given?.startsWith('file://')) return readConfiguration(given.slice('file://'.length));
  if (given) return {path: 'DIB_BLOCK_DEVICE_CONFIG', text: given};
  const names = [`block-device-${definition.architecture}.yaml`, 'block-device-default.yaml'];
  const found = elements.flatMap(({folder, files}) => {
    const name = names.find((wanted) => files.some(({path}) => path === wanted));
    return name === undefined ? [] : [`${folder}/${name}`];
  });
  const [first, ...others] = found;
  if (first === undefined) {
    const text = isGuest(definition) ? guestBlockDevices(definition.architecture) : bareBlockDevices;
    return {path: `the block devices of image "${definition.name}"`, text};
  }
  if (others.length > 0) {
    world.emit({type: 'warning', text: `block devices are those of ${first}; not used: ${others.join(', ')}`});
  }
  return readConfiguration(first);
}

async function readConfiguration(path: string): Promise<Configuration> {
  try {
    return {path, text: await readFile(path, 'utf8')};
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new UsageError('file-not-found', {path, what: 'block device configuration'});
  }
}

/** The variables by which hooks know the disk that they build for; upstream's names. */
export function diskVariables({filesystems}: BlockDevices): Record<string, string> {
  const root = filesystems.find(({mountPoint}) => mountPoint === '/');
  return {
    DIB_MOUNTPOINTS: filesystems.flatMap(({mountPoint}) => mountPoint ?? []).join('|'),
    DIB_ROOT_FSTYPE: root?.type ?? '',
    DIB_ROOT_LABEL: root?.label ?? '',
  };
}

/** @param variables As the elements' environment.d leaves them.
 * @throws {UsageError} `bad-argument` for a boot loader of an architecture that the tools root has none for
 */
export function planDisk(
  definition: ImageDefinition,
  devices: BlockDevices,
  elements: readonly Element[],
  variables: Readonly<Record<string, string | undefined>>,
): DiskPlan {
  const {size, identifiedBy} = definition.disk;
  const boot = bootSettings(definition, elements, variables);
  if (boot && definition.architecture !== 'amd64') {
    throw new UsageError('bad-argument', {
      argument: `the architecture "${definition.architecture}"`,
      problem: 'the tools root has GRUB for amd64 only',
      next: 'leave the element "vm" (or "bootloader") away, and write tar, squashfs or docker',
    });
  }
  return {devices, size, identifiedBy, ...(boot ? {boot} : {})};
}

/** A guest starts at once; another image boots where upstream's element `bootloader` says so, and as its variables do. */
function bootSettings(
  definition: ImageDefinition,
  elements: readonly Element[],
  variables: Readonly<Record<string, string | undefined>>,
): BootSettings | undefined {
  const {kernelArguments} = definition.disk;
  if (isGuest(definition)) {
    const consoles = ['console=tty0', 'console=ttyS0,115200'];
    return {timeoutSeconds: 0, kernelArguments: [...consoles, ...kernelArguments]};
  }
  if (!elements.some(({name}) => name === 'bootloader')) return undefined;
  const settings = upstreamBootSettings(variables, definition.architecture);
  return {...settings, kernelArguments: [...settings.kernelArguments, ...kernelArguments]};
}

/** Raised when disks come to be made differently by other than the texts of `diskTexts`. */
const diskForm = 2;

const texts = diskTexts();

/** The key of a finished disk: its tree, and how that becomes a disk. Its identities come from it. */
export function diskKey(tree: Sha256, disk: DiskPlan, toolsIdentity: Sha256): Sha256 {
  return sha256(canonicalJson({form: diskForm, texts, tree, disk, toolsIdentity}));
}

/** The key of what is kept of it. */
export function imageKey(disk: Sha256, output: OutputPlan): Sha256 {
  return sha256(canonicalJson({form: diskForm, disk, output}));
}
