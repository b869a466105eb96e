import {type FileProblem, parseYaml, throwProblems, type ValuePath, type YamlText} from '../base/index.js';
import {gptTypeOf, mbrTypeOf} from './partition-types.js';
import {parseSize, type Size} from './size.js';

/** A disk as its configuration describes it: what diskimage-builder's block device YAML comes to.
 * @see docs/upstream/block-devices.md
 */
export interface BlockDevices {
  /** Size that the configuration itself asks for. */
  readonly sizeBytes?: number;
  /** `none`: one file system takes the whole disk. */
  readonly table: 'mbr' | 'gpt' | 'none';
  readonly alignBytes: number;
  readonly partitions: readonly PartitionRequest[];
  /** Parents before what is mounted in them; those without a mount point last. */
  readonly filesystems: readonly FilesystemRequest[];
}

export interface PartitionRequest {
  readonly name: string;
  readonly size: Size;
  /** A GUID on gpt; two hexadecimal digits on mbr. */
  readonly type: string;
  readonly isBootable: boolean;
  /** Only on mbr: in the table itself, not in an extended partition. */
  readonly isPrimary: boolean;
}

export type FilesystemType = 'ext2' | 'ext3' | 'ext4' | 'vfat';

export interface FilesystemRequest {
  readonly name: string;
  /** A partition's name; undefined for the whole disk. */
  readonly partition?: string;
  readonly type: FilesystemType;
  readonly label: string;
  readonly uuid?: string;
  /** Words for mkfs. */
  readonly options: readonly string[];
  /** Absolute. */
  readonly mountPoint?: string;
  readonly fstab?: FstabRequest;
}

export interface FstabRequest {
  readonly options: string;
  readonly dumpFrequency: number;
  readonly passNumber: number;
}

/** What the file system named `mkfs_root` is where its configuration leaves that open. */
export interface RootDefaults {
  readonly type: string;
  readonly label: string;
  /** For mkfs, behind those that an ext4 file system gets anyway. */
  readonly options: readonly string[];
  readonly journalMiB: number;
}

/** Reads a block device configuration, in its tree form or its graph form, or a mixture of both.
 * @param path What problems name it.
 * @throws {UsageError} `invalid-file` with all problems, each with line and column.
 */
export async function parseBlockDevices(path: string, text: string, root: RootDefaults): Promise<BlockDevices> {
  const yaml = await parseYaml(path, text);
  throwProblems(what, yaml, yaml.problems);
  const reader = new Reader(yaml, root);
  const devices = reader.read();
  throwProblems(what, yaml, reader.problems);
  return devices;
}

const what = 'block device configuration';

const plugins = ['local_loop', 'partitioning', 'mkfs', 'mount', 'fstab', 'lvm'] as const;
type Plugin = (typeof plugins)[number];

const members: Readonly<Record<Plugin | 'partition', readonly string[]>> = {
  local_loop: ['name', 'size', 'directory', 'block_size'],
  partitioning: ['name', 'base', 'label', 'align', 'partitions'],
  partition: ['name', 'base', 'size', 'type', 'flags'],
  mkfs: ['name', 'base', 'type', 'label', 'opts', 'uuid'],
  mount: ['name', 'base', 'mount_point'],
  fstab: ['name', 'base', 'options', 'dump-freq', 'fsck-passno'],
  lvm: [],
};

/** One entry of the graph: a tree's nesting is only a short form of `base`. */
interface Node {
  readonly plugin: Plugin;
  readonly place: ValuePath;
  readonly values: Readonly<Record<string, unknown>>;
  readonly name: string;
  readonly base: string | undefined;
}

interface PartitionNode extends PartitionRequest {
  readonly place: ValuePath;
}

/** Longest label of each file system. */
const labelLengths: Readonly<Record<FilesystemType, number>> = {ext2: 16, ext3: 16, ext4: 16, vfat: 11};

const refusedTypes: Readonly<Record<string, string>> = {
  xfs: 'without a mount mkfs.xfs does not give the same file system twice; use ext4',
  btrfs: 'without a mount mkfs.btrfs does not give the same file system twice; use ext4',
  swap: 'it holds no files; make a swap file at first boot',
};

class Reader {
  readonly problems: FileProblem[] = [];
  readonly #yaml: YamlText;
  readonly #root: RootDefaults;
  readonly #nodes: Node[] = [];
  readonly #partitions: PartitionNode[] = [];
  readonly #names = new Map<string, ValuePath>();

  constructor(yaml: YamlText, root: RootDefaults) {
    this.#yaml = yaml;
    this.#root = root;
  }

  read(): BlockDevices {
    this.#readEntries();
    const [loop, ...otherLoops] = this.#of('local_loop');
    const [partitioning, ...otherTables] = this.#of('partitioning');
    if (!loop) this.#problem([], 'One "local_loop" is needed: the disk');
    for (const {place} of otherLoops) this.#problem(place, 'Only one "local_loop" can be: an image is one disk');
    for (const {place} of otherTables) this.#problem(place, 'Only one "partitioning" can be: the disk has one table');
    if (loop && partitioning && partitioning.base !== loop.name) {
      this.#problem(partitioning.place, `"base" has to be the disk "${loop.name}", not "${partitioning.base ?? ''}"`);
    }
    const size = loop ? this.#size(loop, 'size') : undefined;
    const blockSize = loop?.values.block_size;
    if (loop && blockSize !== undefined && Number(blockSize) !== 512) {
      this.#problem([...loop.place, 'block_size'], 'Only sectors of 512 bytes can be');
    }
    return {
      ...(size?.kind === 'bytes' ? {sizeBytes: size.bytes} : {}),
      table: partitioning ? this.#table(partitioning) : 'none',
      alignBytes: partitioning ? this.#alignment(partitioning) : 0,
      partitions: this.#partitions.map(({place: _, ...partition}) => partition),
      filesystems: this.#filesystems(loop?.name),
    };
  }

  #readEntries(): undefined {
    const {value} = this.#yaml;
    if (!Array.isArray(value)) return this.#problem([], 'A list of entries is wanted');
    for (const [index, entry] of value.entries()) {
      const keys = isMap(entry) ? Object.keys(entry) : [];
      const [plugin = ''] = keys;
      if (keys.length !== 1) this.#problem([index], `Each entry has one member: ${plugins.join(', ')}`);
      else if (!isPlugin(plugin)) this.#problem([index, plugin], unknownPlugin(plugin), 'name');
      else this.#readPlugin(plugin, (entry as Record<string, unknown>)[plugin], [index, plugin], undefined);
    }
  }

  #readPlugin(plugin: Plugin, value: unknown, place: ValuePath, parent: string | undefined): undefined {
    if (plugin === 'lvm') {
      return this.#problem(
        place,
        'LVM volumes cannot be made without device-mapper: give each mount point a partition instead',
        'name',
      );
    }
    const values = value === null ? {} : value;
    if (!isMap(values)) return this.#problem(place, `"${plugin}" has members`);
    const base = text(values.base) ?? parent;
    if (plugin !== 'local_loop' && base === undefined) {
      return this.#problem(place, `"${plugin}" needs "base": the name of what it is made on`, 'name');
    }
    const name = text(values.name) ?? (plugin === 'local_loop' ? undefined : `${plugin}_${base}`);
    if (name === undefined) return this.#problem(place, `"${plugin}" needs a "name"`, 'name');
    const node = {plugin, place, values, name, base};
    this.#nodes.push(node);
    if (plugin !== 'partitioning') this.#claim(name, place);
    this.#readMembers(plugin, values, place, name);
    if (plugin === 'partitioning') this.#readPartitions(node);
  }

  /** Reports what nobody knows, and descends into plugins. */
  #readMembers(kind: Plugin | 'partition', values: Record<string, unknown>, place: ValuePath, name: string): void {
    for (const [key, value] of Object.entries(values)) {
      if (isPlugin(key)) this.#readPlugin(key, value, [...place, key], name);
      else if (!members[kind].includes(key)) {
        this.#problem([...place, key], `Unknown member "${key}": "${kind}" has ${members[kind].join(', ')}`, 'name');
      }
    }
  }

  #claim(name: string, place: ValuePath): void {
    if (this.#names.has(name)) this.#problem(place, `The name "${name}" is given twice`, 'name');
    else this.#names.set(name, place);
  }

  #table(partitioning: Node): 'mbr' | 'gpt' {
    const {label} = partitioning.values;
    if (label === 'mbr' || label === 'gpt') return label;
    this.#problem([...partitioning.place, 'label'], '"label" has to be "mbr" or "gpt"');
    return 'gpt';
  }

  #alignment(partitioning: Node): number {
    const align = this.#size(partitioning, 'align');
    if (!align) return 2 ** 20;
    if (align.kind === 'bytes' && align.bytes > 0 && align.bytes % 512 === 0) return align.bytes;
    this.#problem([...partitioning.place, 'align'], '"align" has to be a multiple of 512 bytes');
    return 2 ** 20;
  }

  #readPartitions(partitioning: Node): undefined {
    const {place, values} = partitioning;
    if (!Array.isArray(values.partitions) || values.partitions.length === 0) {
      return this.#problem(place, '"partitioning" needs a list of "partitions"', 'name');
    }
    const isGpt = values.label === 'gpt';
    for (const [index, entry] of values.partitions.entries()) {
      const at = [...place, 'partitions', index];
      if (!isMap(entry)) this.#problem(at, 'A partition has members');
      else this.#readPartition(entry, at, isGpt);
    }
    if (!isGpt) this.#checkPrimaries();
  }

  #readPartition(values: Record<string, unknown>, place: ValuePath, isGpt: boolean): undefined {
    const name = text(values.name);
    if (name === undefined) return this.#problem(place, 'A partition needs a "name"');
    this.#claim(name, [...place, 'name']);
    this.#readMembers('partition', values, place, name);
    const flags = values.flags === undefined ? [] : values.flags;
    if (!Array.isArray(flags)) this.#problem([...place, 'flags'], '"flags" is a list');
    const given: readonly unknown[] = Array.isArray(flags) ? flags : [];
    for (const [index, flag] of given.entries()) {
      const at = [...place, 'flags', index];
      if (flag !== 'boot' && flag !== 'primary')
        this.#problem(at, `Unknown flag "${flag}": there are boot and primary`);
      else if (isGpt && flag === 'primary') this.#problem(at, 'The flag "primary" is for mbr only');
    }
    if (values.size === undefined) return this.#problem(place, `The partition "${name}" needs a "size"`);
    const size = this.#sizeAt(values.size, [...place, 'size']) ?? {kind: 'percent', percent: 100};
    const type = isGpt ? gptTypeOf(values.type ?? '8300') : mbrTypeOf(values.type ?? '0x83');
    if (type === undefined) this.#problem([...place, 'type'], unknownType(isGpt));
    this.#partitions.push({
      name,
      size,
      type: type ?? '',
      isBootable: given.includes('boot'),
      isPrimary: given.includes('primary'),
      place,
    });
  }

  /** An mbr has four entries, one of which holds all partitions that aren't primary. */
  #checkPrimaries(): void {
    const firstLogical = this.#partitions.findIndex(({isPrimary}) => !isPrimary);
    for (const [index, {isPrimary, place}] of this.#partitions.entries()) {
      if (isPrimary && firstLogical >= 0 && index > firstLogical) {
        this.#problem(place, 'A primary partition cannot follow one that is not primary');
      }
    }
    const primaries = this.#partitions.filter(({isPrimary}) => isPrimary);
    const room = firstLogical >= 0 ? 3 : 4;
    const surplus = primaries[room];
    if (surplus) this.#problem(surplus.place, `An mbr has room for ${room} primary partitions here`);
  }

  #filesystems(disk: string | undefined): FilesystemRequest[] {
    const mounts = this.#mounts();
    const found = this.#of('mkfs').flatMap((node) => {
      const mount = mounts.find(({base}) => base === node.name);
      const filesystem = this.#filesystem(node, disk, mount);
      return filesystem ? [filesystem] : [];
    });
    this.#checkLabels(found);
    if (!found.some(({mountPoint}) => mountPoint === '/') && this.problems.length === 0) {
      this.#problem([], 'No file system is mounted at "/"');
    }
    return [...found].sort((a, b) => depth(a) - depth(b));
  }

  #filesystem(node: Node, disk: string | undefined, mount: Node | undefined): FilesystemRequest | undefined {
    const {name, base, place, values} = node;
    const partition = this.#partitions.find((p) => p.name === base);
    const isWholeDisk = base === disk && this.#partitions.length === 0;
    if (!partition && !isWholeDisk) {
      return this.#problem(place, `There is no partition "${base}" for the file system "${name}"`, 'name');
    }
    if (this.#of('mkfs').some((other) => other !== node && other.base === base)) {
      this.#problem(place, `"${base}" has more than one file system`, 'name');
    }
    const isRoot = name === 'mkfs_root';
    const type = this.#filesystemType(text(values.type) ?? (isRoot ? this.#root.type : undefined), node);
    if (!type) return undefined;
    const label = text(values.label) ?? (isRoot ? this.#root.label : name);
    const options = typeof values.opts === 'string' ? values.opts.split(/\s+/).filter(Boolean) : undefined;
    if (values.opts !== undefined && !options) this.#problem([...place, 'opts'], '"opts" is one text');
    const uuid = this.#uuid(node, type);
    const fstab = mount ? this.#fstab(mount) : undefined;
    return {
      name,
      ...(partition ? {partition: partition.name} : {}),
      type,
      label: type === 'vfat' ? label.toUpperCase() : label,
      ...(uuid === undefined ? {} : {uuid}),
      options: options ?? (isRoot ? this.#rootOptions(type) : []),
      ...(mount ? {mountPoint: String(mount.values.mount_point)} : {}),
      ...(fstab ? {fstab} : {}),
    };
  }

  #filesystemType(type: string | undefined, {place}: Node): FilesystemType | undefined {
    switch (type) {
      case 'ext2':
      case 'ext3':
      case 'ext4':
      case 'vfat':
        return type;
      case 'fat':
        return 'vfat';
      case undefined:
        return this.#problem(place, 'A file system needs a "type"', 'name');
      default: {
        const reason = refusedTypes[type] ?? `there are ${Object.keys(labelLengths).join(', ')}`;
        return this.#problem([...place, 'type'], `A file system of type "${type}" cannot be made: ${reason}`);
      }
    }
  }

  /** An inode for every 4 KiB, and a journal that is large enough for a file system that grows. */
  #rootOptions(type: FilesystemType): readonly string[] {
    const {options, journalMiB} = this.#root;
    return type === 'ext4' ? ['-i', '4096', '-J', `size=${journalMiB}`, ...options] : options;
  }

  #uuid({place, values}: Node, type: FilesystemType): string | undefined {
    const uuid = text(values.uuid);
    if (uuid === undefined) return undefined;
    const form = type === 'vfat' ? /^[0-9a-f]{4}-[0-9a-f]{4}$/i : /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
    if (!form.test(uuid)) this.#problem([...place, 'uuid'], `"${uuid}" is no identity of a ${type} file system`);
    return uuid;
  }

  #checkLabels(filesystems: readonly FilesystemRequest[]): void {
    const seen = new Set<string>();
    for (const {name, label, type} of filesystems) {
      const place = this.#of('mkfs').find((node) => node.name === name)?.place ?? [];
      const longest = labelLengths[type];
      if (seen.has(label)) this.#problem(place, `The label "${label}" is used twice`, 'name');
      if (label.length > longest) {
        this.#problem(place, `The label "${label}" is too long: ${type} takes ${longest} characters`, 'name');
      }
      seen.add(label);
    }
  }

  #mounts(): Node[] {
    const mounts = this.#of('mount');
    const taken = new Map<string, string>();
    const bases = new Set<string>();
    for (const {base, place, values} of mounts) {
      const at = text(values.mount_point);
      if (at === undefined || !isPlainPath(at)) {
        this.#problem(place, '"mount" needs a "mount_point": an absolute path without "." or ".."', 'name');
        continue;
      }
      if (taken.has(at)) this.#problem([...place, 'mount_point'], `"${at}" is mounted twice`);
      taken.set(at, base ?? '');
      if (bases.has(base ?? '')) this.#problem(place, `"${base}" is mounted twice`, 'name');
      bases.add(base ?? '');
      if (!this.#of('mkfs').some(({name}) => name === base)) {
        this.#problem(place, `There is no file system "${base}" to mount`, 'name');
      }
    }
    for (const {base, place} of this.#of('fstab')) {
      if (!mounts.some(({name}) => name === base)) this.#problem(place, `There is no mount "${base}"`, 'name');
    }
    return mounts;
  }

  #fstab(mount: Node): FstabRequest | undefined {
    const node = this.#of('fstab').find(({base}) => base === mount.name);
    if (!node) return undefined;
    const options = text(node.values.options) ?? 'defaults';
    if (/\s/.test(options)) this.#problem([...node.place, 'options'], '"options" has no blanks');
    return {
      options,
      dumpFrequency: this.#count(node, 'dump-freq', 0),
      passNumber: this.#count(node, 'fsck-passno', 2),
    };
  }

  #count({values, place}: Node, member: string, otherwise: number): number {
    const value = values[member];
    if (value === undefined) return otherwise;
    const count = Number(value);
    if (!Number.isInteger(count) || count < 0) this.#problem([...place, member], `"${member}" is a whole number`);
    return count;
  }

  #size({values, place}: Node, member: string): Size | undefined {
    return values[member] === undefined ? undefined : this.#sizeAt(values[member], [...place, member]);
  }

  #sizeAt(value: unknown, place: ValuePath): Size | undefined {
    const size = parseSize(String(value));
    if (size) return size;
    return this.#problem(place, `"${value}" is no size: 8MiB, 2GB or 100% are`);
  }

  #of(plugin: Plugin): Node[] {
    return this.#nodes.filter((node) => node.plugin === plugin);
  }

  /** Always undefined, so that it ends what found it. */
  #problem(place: ValuePath, message: string, part: 'value' | 'name' = 'value'): undefined {
    this.problems.push(this.#yaml.problemAt(place, message, part));
    return undefined;
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlugin(name: string): name is Plugin {
  return (plugins as readonly string[]).includes(name);
}

function unknownPlugin(name: string): string {
  return `Unknown entry "${name}": there are ${plugins.join(', ')}`;
}

function unknownType(isGpt: boolean): string {
  return isGpt
    ? 'A gpt type is a GUID or four hexadecimal digits in quotes, such as "EF00" or "8300"'
    : 'An mbr type is a hexadecimal number in quotes, such as "0x83"';
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function isPlainPath(path: string): boolean {
  return path === '/' || /^(\/[^/\s]+)+$/.test(path) ? !/\/\.\.?(\/|$)/.test(path) : false;
}

/** Folders on the way to a mount point. */
function depth({mountPoint}: FilesystemRequest): number {
  if (mountPoint === undefined) return Number.MAX_SAFE_INTEGER;
  return mountPoint === '/' ? 0 : mountPoint.split('/').length;
}
