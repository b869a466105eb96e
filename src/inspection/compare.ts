import {canonicalJson, compareCodePoints} from '../base/index.js';
import {type Group, parseGroups, parseUsers, type User} from './accounts.js';
import {type ImageContent, textAt} from './content.js';
import {compareVersions, type DebianPackage, packageId, packageOwners, parseDpkgStatus} from './dpkg.js';
import {entriesByPath, type TreeEntry} from './listing.js';
import {type ListeningPort, listeningPorts} from './ports.js';
import {folderOf, sizesBy, totalBytes} from './sizes.js';
import {unitStates} from './units.js';

/** Something that both images have, differently. */
export interface Changed {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface NamedVersion {
  readonly name: string;
  readonly version: string;
}

export interface ChangedPackage extends Changed {
  readonly direction: 'upgraded' | 'downgraded';
}

/** A path that only one image has, or that differs. */
export interface FilePath {
  readonly path: string;
  readonly type: TreeEntry['type'];
  readonly sizeBytes: number;
  /** That dpkg counts it to, by the image that has it (the second one when both have). */
  readonly package?: string;
}

export interface ChangedFile extends FilePath {
  /** In words: `content`, `mode 0644 → 0600`, `owner 0:0 → 107:114`, `target a → b`, `time`, … */
  readonly differences: readonly string[];
}

/** Sets of names before and after. */
export interface Gained<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
}

export interface SizeChange {
  readonly name: string;
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** All in which two images differ, by kinds. */
export interface ImageDifference {
  readonly isEqual: boolean;
  readonly disk: readonly Changed[];
  readonly packages: Gained<NamedVersion> & {readonly changed: readonly ChangedPackage[]};
  readonly files: Gained<FilePath> & {readonly changed: readonly ChangedFile[]};
  readonly units: readonly Changed[];
  readonly users: Gained<User> & {readonly changed: readonly Changed[]};
  readonly groups: Gained<Group> & {readonly changed: readonly Changed[]};
  readonly ports: Gained<ListeningPort>;
  readonly size: {
    readonly beforeBytes: number;
    readonly afterBytes: number;
    /** Those that changed, the largest change first. Files of no package count to ''. */
    readonly packages: readonly SizeChange[];
    readonly folders: readonly SizeChange[];
  };
}

/** Compares two images. Pure: what differs in their bytes but in nothing of this (free blocks, the order of files) isn't seen. */
export function compareImages(before: ImageContent, after: ImageContent): ImageDifference {
  const sides = {before: sideOf(before), after: sideOf(after)};
  const found = {
    disk: compareDisks(before, after),
    packages: comparePackages(sides.before.packages, sides.after.packages),
    files: compareFiles(sides.before, sides.after),
    units: compareUnits(before, after),
    users: compareNamed(
      parseUsers(textAt(before, '/etc/passwd') ?? ''),
      parseUsers(textAt(after, '/etc/passwd') ?? ''),
      userText,
    ),
    groups: compareNamed(
      parseGroups(textAt(before, '/etc/group') ?? ''),
      parseGroups(textAt(after, '/etc/group') ?? ''),
      groupText,
    ),
    ports: comparePorts(listeningPorts(before), listeningPorts(after)),
  };
  const {files, disk} = found;
  const isEqual = disk.length + files.added.length + files.removed.length + files.changed.length === 0;
  return {...found, isEqual, size: compareSizes(sides.before, sides.after)};
}

interface Side {
  readonly content: ImageContent;
  readonly packages: readonly DebianPackage[];
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly owners: ReadonlyMap<string, readonly string[]>;
}

function sideOf(content: ImageContent): Side {
  const entries = entriesByPath(content.listing);
  return {
    content,
    packages: parseDpkgStatus(content.texts['/var/lib/dpkg/status'] ?? ''),
    entries,
    owners: packageOwners(content.texts, entries),
  };
}

function compareDisks(before: ImageContent, after: ImageContent): Changed[] {
  const facts = (content: ImageContent): [string, string][] => [
    ['virtual size', `${content.virtualSizeBytes} bytes`],
    ['partition table', content.table],
    ...content.partitions.flatMap((partition) => {
      const {number, mountPoint, ...rest} = partition;
      const name = `partition ${number}${mountPoint ? ` (${mountPoint})` : rest.name ? ` (${rest.name})` : ''}`;
      return Object.entries({...rest, fileSystem: rest.fileSystem && Object.values(rest.fileSystem).join(' ')}).flatMap(
        ([fact, value]): [string, string][] =>
          value === undefined ? [] : [[`${name}: ${factNames[fact] ?? fact}`, `${value}`]],
      );
    }),
  ];
  const [old, fresh] = [new Map(facts(before)), new Map(facts(after))];
  const names = [...new Set([...old.keys(), ...fresh.keys()])];
  return names.flatMap((name) => {
    const [was, is] = [old.get(name) ?? 'none', fresh.get(name) ?? 'none'];
    return was === is ? [] : [{name, before: was, after: is}];
  });
}

const factNames: Readonly<Record<string, string>> = {
  startBytes: 'start',
  sizeBytes: 'size',
  uuid: 'partition UUID',
  fileSystem: 'file system',
  sha256: 'content',
};

function comparePackages(
  before: readonly DebianPackage[],
  after: readonly DebianPackage[],
): ImageDifference['packages'] {
  const [old, fresh] = [before, after].map((packages) => new Map(packages.map((item) => [packageId(item), item])));
  const missing = (from: readonly DebianPackage[], other: typeof old) =>
    from.filter((item) => !other?.has(packageId(item))).map(({name, version}) => ({name, version}));
  const changed = after.flatMap((item): ChangedPackage[] => {
    const was = old?.get(packageId(item));
    if (!was || was.version === item.version) return [];
    const direction = compareVersions(was.version, item.version) < 0 ? 'upgraded' : 'downgraded';
    return [{name: item.name, before: was.version, after: item.version, direction}];
  });
  return {added: missing(after, old), removed: missing(before, fresh), changed};
}

function compareFiles(before: Side, after: Side): ImageDifference['files'] {
  const pathOf = (entry: TreeEntry, side: Side): FilePath => {
    const owner = side.owners.get(entry.path)?.[0];
    const {path, type, sizeBytes} = entry;
    return {path, type, sizeBytes, ...(owner === undefined || type === 'folder' ? {} : {package: owner})};
  };
  const added = after.content.listing
    .filter(({path}) => !before.entries.has(path))
    .map((entry) => pathOf(entry, after));
  const removed = before.content.listing
    .filter(({path}) => !after.entries.has(path))
    .map((entry) => pathOf(entry, before));
  const changed = after.content.listing.flatMap((entry): ChangedFile[] => {
    const was = before.entries.get(entry.path);
    const differences = was ? entryDifferences(was, entry) : [];
    return differences.length > 0 ? [{...pathOf(entry, after), differences}] : [];
  });
  return {added, removed, changed};
}

/** What differs between two entries of one path, in words. */
export function entryDifferences(before: TreeEntry, after: TreeEntry): string[] {
  if (before.type !== after.type) return [`${before.type} → ${after.type}`];
  const found: string[] = [];
  if (before.sha256 !== after.sha256) found.push('content');
  if (before.target !== after.target) found.push(`target ${before.target} → ${after.target}`);
  if (before.mode !== after.mode) found.push(`mode ${octal(before.mode)} → ${octal(after.mode)}`);
  if (before.uid !== after.uid || before.gid !== after.gid) {
    found.push(`owner ${before.uid}:${before.gid} → ${after.uid}:${after.gid}`);
  }
  if (before.device?.join() !== after.device?.join()) found.push(`device ${before.device} → ${after.device}`);
  found.push(...attributeDifferences(before.attributes ?? {}, after.attributes ?? {}));
  if (before.hardLinkOf !== after.hardLinkOf) found.push('names of one file');
  if (before.modifiedAt !== after.modifiedAt) found.push('time');
  return found;
}

function attributeDifferences(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => before[name] !== after[name]).map((name) => `attribute ${name}`);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function compareUnits(before: ImageContent, after: ImageContent): Changed[] {
  const [old, fresh] = [unitStates(before), unitStates(after)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort(compareCodePoints);
  return names.flatMap((name) => {
    const [was, is] = [old.get(name) ?? 'absent', fresh.get(name) ?? 'absent'];
    return was === is ? [] : [{name, before: was, after: is}];
  });
}

function compareNamed<T extends {readonly name: string}>(
  before: readonly T[],
  after: readonly T[],
  text: (item: T) => string,
): Gained<T> & {readonly changed: readonly Changed[]} {
  const [old, fresh] = [before, after].map((items) => new Map(items.map((item) => [item.name, item])));
  return {
    added: after.filter(({name}) => !old?.has(name)),
    removed: before.filter(({name}) => !fresh?.has(name)),
    changed: after.flatMap((item) => {
      const was = old?.get(item.name);
      if (!was || text(was) === text(item)) return [];
      return [{name: item.name, before: text(was), after: text(item)}];
    }),
  };
}

function userText({uid, gid, home, shell}: User): string {
  return `uid ${uid}, gid ${gid}, ${home}, ${shell}`;
}

function groupText({gid, members}: Group): string {
  return `gid ${gid}${members.length > 0 ? `, members ${members.join(' ')}` : ''}`;
}

function comparePorts(before: readonly ListeningPort[], after: readonly ListeningPort[]): Gained<ListeningPort> {
  const without = (from: readonly ListeningPort[], other: readonly ListeningPort[]) => {
    const known = new Set(other.map((port) => canonicalJson(port)));
    return from.filter((port) => !known.has(canonicalJson(port)));
  };
  return {added: without(after, before), removed: without(before, after)};
}

function compareSizes(before: Side, after: Side): ImageDifference['size'] {
  const byPackage = ({content, owners}: Side) => sizesBy(content.listing, (path) => owners.get(path)?.[0] ?? '');
  const byFolder = ({content}: Side) => sizesBy(content.listing, (path) => folderOf(path, 2));
  const changes = (shares: (side: Side) => ReturnType<typeof sizesBy>): SizeChange[] => {
    const [old, fresh] = [before, after].map((side) => new Map(shares(side).map((s) => [s.name, s.sizeBytes])));
    const names = new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])]);
    return [...names]
      .map((name) => ({name, beforeBytes: old?.get(name) ?? 0, afterBytes: fresh?.get(name) ?? 0}))
      .filter(({beforeBytes, afterBytes}) => beforeBytes !== afterBytes)
      .sort((a, b) => growth(b) - growth(a) || compareCodePoints(a.name, b.name));
  };
  return {
    beforeBytes: totalBytes(before.content.listing),
    afterBytes: totalBytes(after.content.listing),
    packages: changes(byPackage),
    folders: changes(byFolder),
  };
}

function growth({beforeBytes, afterBytes}: SizeChange): number {
  return Math.abs(afterBytes - beforeBytes);
}
