import {UsageError} from '../base/index.js';
import type {ChosenVersion, ContainerDefinition, ImageRow} from '../datastore/index.js';

/** A root file system to build: a guest's, or a database container's. */
export interface TreeDefinition {
  readonly name: string;
  /** Without those that they depend on. */
  readonly elements: readonly string[];
  /** Variables that hooks see beside those of the build itself. */
  readonly environment: Readonly<Record<string, string>>;
  /** Installed at the end of the phase install.d. */
  readonly packages?: readonly string[];
}

/** A database container that the guest image carries. */
export interface ContainerImage {
  readonly tree: TreeDefinition;
  readonly settings: ContainerDefinition;
}

export type Architecture = 'amd64' | 'arm64';

/** What to build: an image with all that decides its content. */
export interface ImageDefinition {
  /** Also how its builds are known in the store. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly purpose: ImagePurpose;
  readonly tree: TreeDefinition;
  readonly disk: DiskDefinition;
}

/** What an image is for: a guest of Trove's, or whatever its elements make of it. */
export type ImagePurpose = DatastorePurpose | {readonly kind: 'elements'};

export interface DatastorePurpose {
  readonly kind: 'datastore';
  readonly datastore: string;
  readonly version: string;
  readonly manager: string;
  readonly series: string;
  readonly distribution: string;
  readonly release: string;
  readonly container: ContainerImage;
  /** Folder of Trove's validation rules, which the guest agent's package brings. */
  readonly validationRules?: string;
}

/** The definition of a datastore's guest image. */
export type GuestDefinition = ImageDefinition & {readonly purpose: DatastorePurpose};

export function isGuest(definition: ImageDefinition): definition is GuestDefinition {
  return definition.purpose.kind === 'datastore';
}

export interface DiskDefinition {
  /** Kernel arguments beside those that the boot loader has anyway. */
  readonly kernelArguments: readonly string[];
  readonly size: SizeRule;
  /** How a booted system is told which file system is meant. */
  readonly identifiedBy: IdentifiedBy;
  readonly root: RootFilesystemChoice;
}

export type IdentifiedBy = 'uuid' | 'label';

/** How large a disk is to be. */
export type SizeRule =
  | {readonly kind: 'fixed'; readonly diskBytes: number}
  /** A free share of the root file system beside its content, and never less than `freeMiB`. */
  | {readonly kind: 'headroom'; readonly headroom: number; readonly freeMiB: number}
  /** diskimage-builder's: content divided by 0.6, or with so many MiB more, and the journal. */
  | {readonly kind: 'upstream'; readonly extraMiB?: number; readonly journalMiB: number};

/** What the root file system is where the block device configuration leaves that open. */
export interface RootFilesystemChoice {
  readonly type: string;
  readonly label: string;
  /** Words for mkfs. */
  readonly options: readonly string[];
  readonly journalMiB: number;
}

/** What a person may choose beside the datastore and its version. */
export interface ImageChoices {
  readonly series?: string;
  readonly distribution?: string;
  readonly release?: string;
  readonly architecture?: string;
  /** Elements added to the guest's. */
  readonly elements?: readonly string[];
  /** More kernel arguments. */
  readonly kernelArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** The image that a catalogue row and a person's choices describe.
 * @throws {UsageError} `no-such-image` when no row of the version matches.
 */
export function defineImage(chosen: ChosenVersion, choices: ImageChoices): GuestDefinition {
  const {datastore, version} = chosen;
  const {row, architecture} = chooseRow(chosen, choices);
  const name = [datastore.name, version.version, row.series, row.distribution, row.release, architecture].join('-');
  const environment = {...choices.environment, DIB_RELEASE: row.release, ARCH: architecture};
  const {container} = version;
  const rules = datastore.registration.validationRules;
  return {
    name,
    architecture,
    purpose: {
      kind: 'datastore',
      datastore: datastore.name,
      version: version.version,
      manager: datastore.manager,
      series: row.series,
      distribution: row.distribution,
      release: row.release,
      container: {
        tree: {
          name: `container-${container.image}-${container.tag}-${row.release}-${architecture}`,
          elements: container.elements,
          environment,
        },
        settings: container,
      },
      ...(rules === undefined ? {} : {validationRules: rules}),
    },
    tree: {name, elements: [...row.elements, ...(choices.elements ?? [])], environment},
    disk: {
      kernelArguments: choices.kernelArguments ?? [],
      size: {kind: 'headroom', headroom: 0.2, freeMiB: 256},
      identifiedBy: 'uuid',
      root: {type: 'ext4', label: 'root', options: [], journalMiB: 64},
    },
  };
}

/** What a person asks for by elements alone, as with disk-image-create. */
export interface ElementChoices {
  /** Of the image. */
  readonly name: string;
  /** Without those that they depend on. */
  readonly elements: readonly string[];
  readonly architecture: Architecture;
  /** Packages beside those of the elements. */
  readonly packages?: readonly string[];
  /** More kernel arguments. */
  readonly kernelArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly size?: SizeRule;
  readonly root?: Partial<RootFilesystemChoice>;
}

/** An image that is what its elements make of it.
 * @throws {UsageError} `bad-argument` for a name that can't be one
 */
export function defineElementImage(choices: ElementChoices): ImageDefinition {
  const {name, elements, architecture, packages = []} = choices;
  if (!/^[0-9A-Za-z][0-9A-Za-z_.+-]*$/.test(name)) {
    const problem = 'a name of an image has letters, digits, "_", ".", "+" and "-", and begins with a letter or digit';
    throw new UsageError('bad-argument', {argument: `"${name}"`, problem, next: 'choose another name'});
  }
  return {
    name,
    architecture,
    purpose: {kind: 'elements'},
    tree: {name, elements, environment: {...choices.environment, ARCH: architecture}, packages},
    disk: {
      kernelArguments: choices.kernelArguments ?? [],
      size: choices.size ?? {kind: 'upstream', journalMiB: choices.root?.journalMiB ?? 64},
      identifiedBy: 'label',
      root: {type: 'ext4', label: 'cloudimg-rootfs', options: [], journalMiB: 64, ...choices.root},
    },
  };
}

function chooseRow(
  {datastore, version}: ChosenVersion,
  choices: ImageChoices,
): {readonly row: ImageRow; readonly architecture: Architecture} {
  for (const row of version.images) {
    const architecture = row.architectures.find((a) => matches(choices.architecture, a));
    const isRow =
      matches(choices.series, row.series) &&
      matches(choices.distribution, row.distribution) &&
      matches(choices.release, row.release);
    if (isRow && architecture) return {row, architecture};
  }
  const wanted = [choices.series, choices.distribution, choices.release, choices.architecture].filter(Boolean);
  throw new UsageError('no-such-image', {
    asked: `${datastore.name} ${version.version} for ${wanted.join(' ') || 'anything'}`,
    known: version.images.flatMap((row) =>
      row.architectures.map((a) => `${row.series} ${row.distribution} ${row.release} ${a}`),
    ),
  });
}

function matches(wanted: string | undefined, value: string): boolean {
  return wanted === undefined || wanted === value;
}
