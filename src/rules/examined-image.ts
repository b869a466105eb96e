import {
  type DebianPackage,
  entriesByPath,
  type Group,
  type ImageContent,
  paragraphs,
  parseDpkgStatus,
  parseGroups,
  parseUsers,
  resolveFolders,
  type TreeEntry,
  textAt,
  type UnitState,
  type User,
  unitStates,
  unitText,
} from '../inspection/index.js';

/** What programs said of an image file; each text is a problem in their words. */
export interface Probes {
  /** `qemu-img check`. */
  readonly qcow2Problem?: string;
  /** `qemu-img check`, when it finds nothing but space that is lost. */
  readonly qcow2Leaks?: string;
  /** `e2fsck -n` of the root file system. */
  readonly fileSystemProblem?: string;
  /** Programs for UEFI in the EFI system partition, `BOOTX64.EFI`; absent when there is no such partition. */
  readonly uefiPrograms?: readonly string[];
  /** Names of users whose password is their name, empty, or one of those that everybody knows. */
  readonly guessablePasswords: readonly string[];
}

/** What an image is to serve; from the catalogue, chosen by whoever asks or by what the image says of itself. */
export interface Purpose {
  readonly datastore: string;
  readonly version: string;
  readonly manager: string;
  /** `mariadb:11.8`, as the guest agent asks Docker for it. */
  readonly container: string;
  readonly mountPoint: string;
  readonly ports: readonly number[];
  /** Of the smallest flavor that serves. */
  readonly diskGiB: number;
  /** The major versions of Trove whose agents serve the wanted series; absent when any does. */
  readonly series?: {readonly name: string; readonly troveVersion: number};
}

/** An image with what its rules ask for most often at hand. */
export interface ExaminedImage {
  readonly content: ImageContent;
  readonly probes: Probes;
  readonly purpose?: Purpose;
  readonly packages: ReadonlyMap<string, DebianPackage>;
  /** Packages that dpkg hasn't finished, with their state. */
  readonly unfinishedPackages: readonly {readonly name: string; readonly state: string}[];
  readonly users: readonly User[];
  readonly groups: readonly Group[];
  readonly units: ReadonlyMap<string, UnitState>;
  /** By its path, links of its folders followed. */
  readonly entry: (path: string) => TreeEntry | undefined;
  /** Every path below a folder, the folder left out. */
  readonly below: (folder: string) => readonly TreeEntry[];
  readonly text: (path: string) => string | undefined;
  readonly unitText: (name: string) => string;
}

/** Pure: the same arguments give the same image. */
export function examine(content: ImageContent, probes: Probes, purpose?: Purpose): ExaminedImage {
  const entries = entriesByPath(content.listing);
  const text = (path: string) => textAt(content, path);
  const status = text('/var/lib/dpkg/status') ?? '';
  return {
    content,
    probes,
    ...(purpose ? {purpose} : {}),
    packages: new Map(parseDpkgStatus(status).map((one) => [one.name, one])),
    unfinishedPackages: unfinished(status),
    users: parseUsers(text('/etc/passwd') ?? ''),
    groups: parseGroups(text('/etc/group') ?? ''),
    units: unitStates(content),
    entry: (path) => entries.get(path) ?? entries.get(resolveFolders(path, entries)),
    below: (folder) => content.listing.filter(({path}) => path.startsWith(`${folder}/`)),
    text,
    unitText: (name) => unitText(content, name),
  };
}

const settledStates = new Set(['installed', 'config-files', 'not-installed']);

function unfinished(status: string) {
  return paragraphs(status).flatMap((fields) => {
    const state = (fields.get('status') ?? '').split(' ').at(-1) ?? '';
    const name = fields.get('package');
    return name === undefined || settledStates.has(state) ? [] : [{name, state}];
  });
}
