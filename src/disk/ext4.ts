import {createHash} from 'node:crypto';
import {setImmediate} from 'node:timers/promises';
import {compareCodePoints, type Sha256} from '../base/index.js';
import {type EntryType, nameFromBytes, type TreeEntry} from '../inspection/index.js';
import {parseAttributeBlock, parseInlineAttributes, type RawAttribute} from './ext4-attributes.js';
import {addressableBlocks, type Extent, extentMap, type ReadBlock} from './ext4-extents.js';
import {DamagedFileSystem, deviceOf, type Inode, parseInode, parseSuperblock, type Superblock} from './ext4-records.js';

/** Reads exactly `length` bytes at `offset` of a disk; zeros beyond its end. */
export type ReadBytes = (offset: number, length: number) => Promise<Buffer>;

/** An ext2, ext3 or ext4 file system on a disk, to be read without mounting it.
 * @see https://www.kernel.org/doc/html/latest/filesystems/ext4/ checked with file systems of e2fsprogs 1.47.2
 */
export interface Ext4 {
  readonly uuid: string;
  readonly label: string;
  readonly sizeBytes: number;
  /** Its journal holds changes that aren't in their places yet: it was copied while mounted, and is read as it stands. */
  readonly needsRecovery: boolean;
  /** All paths with their content's digests, in no order; texts of the files that `wants` names.
   * @param mostBytes Of what is listed, as JSON.
   * @throws {DamagedFileSystem}
   */
  list(wants: Wants, signal: AbortSignal, mostBytes?: number): Promise<ReadTree>;
  /** What is at a path, links on the way not followed; undefined for nothing.
   * @throws {DamagedFileSystem}
   */
  look(path: string, signal: AbortSignal): Promise<FoundFile | undefined>;
}

export type Wants = (path: string, sizeBytes: number) => boolean;

export interface FoundFile {
  readonly type: EntryType;
  /** Of a file of at most 1 MiB. */
  readonly content?: Buffer;
}

export interface ReadTree {
  readonly entries: readonly TreeEntry[];
  /** Content by path. */
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** What else a file system of this kind may be, that can't be read here, by its bit in the superblock. */
const unreadable: Readonly<Record<number, string>> = {
  1: 'it is compressed',
  8: 'it is a journal device',
  16: 'its group descriptors are spread (meta_bg)',
  32768: 'it keeps data in inodes (inline_data)',
  65536: 'it is encrypted',
};

/** Opens a file system.
 * @param read Offsets count from the file system's start.
 * @param sizeBytes Of what it lies in.
 * @returns A text with the reason when it can't be read; undefined when there is none of this kind.
 */
export async function openExt4(read: ReadBytes, sizeBytes: number): Promise<Ext4 | string | undefined> {
  const block = await read(1024, 1024);
  if (block.readUInt16LE(0x38) !== 0xef53) return undefined;
  const incompatible = block.readUInt32LE(0x60);
  for (const [bit, reason] of Object.entries(unreadable)) {
    if ((incompatible & Number(bit)) !== 0) return reason;
  }
  const superblock = parseSuperblock(block, incompatible);
  if (typeof superblock === 'string') return superblock;
  const ownBytes = superblock.blocks * superblock.blockSize;
  if (ownBytes > sizeBytes) return `it has ${ownBytes} bytes by its superblock, and ${sizeBytes} are there`;
  return {
    uuid: block.toString('hex', 0x68, 0x78).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    label: block.toString('utf8', 0x78, 0x88).replace(/\0.*$/s, ''),
    sizeBytes: ownBytes,
    needsRecovery: (incompatible & 4) !== 0,
    list: (wants, signal, mostBytes = listedBytes) => new Walk(superblock, read, wants, signal, mostBytes).run(),
    look: (path, signal) => new Walk(superblock, read, () => false, signal, listedBytes).look(path),
  };
}

const rootInode = 2;
/** The longest run of a file that is read at once. */
const pieceBytes = 4 * 2 ** 20;
/** Of holes, between looks at what else there is to do. */
const zeroPieces = 16;
const zeroPiece = Buffer.alloc(pieceBytes);
/** The longest file whose content `look` tells. */
const lookedBytes = 2 ** 20;
/** The most that a listing takes as JSON, which has to fit into a string of Node's (512 MiB). */
const listedBytes = 400 * 2 ** 20;
/** The longest value of an attribute (XATTR_SIZE_MAX). */
const attributeBytes = 65_536;

/** One reading of all that a file system holds. */
class Walk {
  readonly #fs: Superblock;
  readonly #read: ReadBytes;
  readonly #wants: Wants;
  readonly #signal: AbortSignal;
  readonly #mostBytes: number;
  #listedBytes = 0;
  readonly #entries: TreeEntry[] = [];
  readonly #contents = new Map<string, Buffer>();
  readonly #folders = new Set<number>();
  /** By inode: the content of a file with many names is read once. */
  readonly #digests = new Map<number, Sha256>();
  readonly #tables = new Map<number, number>();
  readonly #attributeBlocks = new Map<number, readonly RawAttribute[]>();
  /** Files with several names: the paths of each. */
  readonly #names = new Map<number, string[]>();

  constructor(fs: Superblock, read: ReadBytes, wants: Wants, signal: AbortSignal, mostBytes: number) {
    this.#fs = fs;
    this.#read = read;
    this.#wants = wants;
    this.#signal = signal;
    this.#mostBytes = mostBytes;
  }

  async run(): Promise<ReadTree> {
    await this.#enter('', await this.#inode(rootInode));
    const firstNames = this.#firstNames();
    const entries = this.#entries.map((entry) => {
      const hardLinkOf = firstNames.get(entry.path);
      return hardLinkOf === undefined ? entry : {...entry, hardLinkOf};
    });
    return {entries, contents: this.#contents};
  }

  async look(path: string): Promise<FoundFile | undefined> {
    let inode = await this.#inode(rootInode);
    let place = '';
    for (const name of path.split('/').filter(Boolean)) {
      if (inode.type !== 'folder') return undefined;
      const children = await this.#childrenOf(place, inode);
      const child = children.find((one) => one.name === name);
      if (!child) return undefined;
      inode = await this.#inode(child.number);
      place += `/${name}`;
    }
    const {type, sizeBytes} = inode;
    if (type !== 'file' || sizeBytes > lookedBytes) return {type};
    return {type, content: await this.#whole(inode, `the file "${path}"`, lookedBytes)};
  }

  /** Further names of files → the first of each. */
  #firstNames(): ReadonlyMap<string, string> {
    const pairs = [...this.#names.values()].flatMap((paths) => {
      const [first = '', ...others] = [...paths].sort(compareCodePoints);
      return others.map((path) => [path, first] as const);
    });
    return new Map(pairs);
  }

  async #enter(path: string, inode: Inode): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#folders.has(inode.number)) throw new DamagedFileSystem(`the folder "${path}" has two places`);
    this.#folders.add(inode.number);
    await this.#add(path || '/', inode);
    for (const {name, number} of await this.#childrenOf(path, inode)) {
      const child = await this.#inode(number);
      const childPath = `${path}/${name}`;
      if (child.type === 'folder') await this.#enter(childPath, child);
      else await this.#add(childPath, child);
    }
  }

  async #add(path: string, inode: Inode): Promise<void> {
    const entry = await this.#entryOf(path, inode);
    this.#account(JSON.stringify(entry).length);
    this.#entries.push(entry);
  }

  #account(bytes: number): void {
    this.#listedBytes += bytes;
    if (this.#listedBytes <= this.#mostBytes) return;
    throw new DamagedFileSystem(`its paths and texts are more than the ${this.#mostBytes} bytes that a listing holds`);
  }

  async #childrenOf(path: string, inode: Inode): Promise<{readonly name: string; readonly number: number}[]> {
    const content = await this.#whole(inode, `the folder "${path || '/'}"`);
    const {blockSize} = this.#fs;
    const found: {name: string; number: number}[] = [];
    for (let start = 0; start + blockSize <= content.length; start += blockSize) {
      for (let at = start; at + 8 <= start + blockSize; ) {
        const number = content.readUInt32LE(at);
        const written = content.readUInt16LE(at + 4);
        const length = blockSize === 65536 && (written === 0 || written === 65535) ? 65536 : written;
        if (length < 8 || at + length > start + blockSize) {
          throw new DamagedFileSystem(`the folder "${path || '/'}" has an entry of ${length} bytes`);
        }
        const bytes = content.subarray(at + 8, at + 8 + content.readUInt8(at + 6));
        const name = nameFromBytes(bytes);
        if (number !== 0 && name !== '.' && name !== '..') {
          if (name === '' || /[/\0]/.test(name))
            throw new DamagedFileSystem(`the folder "${path || '/'}" has a nameless entry`);
          found.push({name, number});
        }
        at += length;
      }
    }
    return found;
  }

  async #entryOf(path: string, inode: Inode): Promise<TreeEntry> {
    const {type, mode, uid, gid, modifiedAt, raw} = inode;
    const attributes = await this.#attributesOf(inode);
    const hasSize = type === 'file' || type === 'link';
    const common = {path, type, mode, uid, gid, sizeBytes: hasSize ? inode.sizeBytes : 0, modifiedAt, ...attributes};
    if (type === 'link') return {...common, target: nameFromBytes(await this.#targetOf(path, inode))};
    if (type === 'character device' || type === 'block device') return {...common, device: deviceOf(raw)};
    if (type !== 'file') return common;
    if (inode.links > 1) {
      const paths = this.#names.get(inode.number);
      if (paths) paths.push(path);
      else this.#names.set(inode.number, [path]);
    }
    return {...common, sha256: await this.#digest(path, inode)};
  }

  async #targetOf(path: string, inode: Inode): Promise<Buffer> {
    // Short targets stand where the map of blocks would be.
    if (!inode.hasExtents && inode.sizeBytes < 60) return inode.raw.subarray(0x28, 0x28 + inode.sizeBytes);
    return this.#whole(inode, `the link "${path}"`);
  }

  async #digest(path: string, inode: Inode): Promise<Sha256> {
    const isWanted = this.#wants(path, inode.sizeBytes);
    const known = this.#digests.get(inode.number);
    if (known && !isWanted) return known;
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    for await (const piece of this.#pieces(inode)) {
      hash.update(piece);
      if (!isWanted) continue;
      this.#account(piece.length);
      kept.push(Buffer.from(piece));
    }
    if (isWanted) {
      const content = Buffer.concat(kept);
      this.#account(JSON.stringify(content.toString('latin1')).length - content.length);
      this.#contents.set(path, content);
    }
    const digest = hash.digest('hex') as Sha256;
    this.#digests.set(inode.number, digest);
    return digest;
  }

  /** A small file's content: that of folders, links and attributes. */
  async #whole(inode: Inode, what: string, mostBytes = 256 * 2 ** 20): Promise<Buffer> {
    if (inode.sizeBytes > mostBytes) throw new DamagedFileSystem(`${what} has ${inode.sizeBytes} bytes`);
    const pieces: Buffer[] = [];
    for await (const piece of this.#pieces(inode)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  /** A file's bytes in their order; holes are zeros. */
  async *#pieces(inode: Inode): AsyncGenerator<Buffer> {
    const {blockSize} = this.#fs;
    if (inode.sizeBytes > addressableBlocks(inode.hasExtents, blockSize) * blockSize) {
      throw new DamagedFileSystem(`inode ${inode.number} has ${inode.sizeBytes} bytes`);
    }
    const signal = this.#signal;
    let done = 0;
    const zeros = async function* (until: number) {
      for (let pieces = 1; done < until; done += pieceBytes, pieces++) {
        yield zeroPiece.subarray(0, Math.min(pieceBytes, until - done));
        if (pieces % zeroPieces === 0) await setImmediate();
        signal.throwIfAborted();
      }
      done = until;
    };
    for (const extent of await this.#extents(inode)) {
      const start = extent.at * blockSize;
      const end = Math.min(start + extent.count * blockSize, inode.sizeBytes);
      if (start < done || extent.isUnwritten) continue;
      yield* zeros(Math.min(start, inode.sizeBytes));
      for (; done < end; ) {
        const length = Math.min(pieceBytes, end - done);
        yield await this.#read(extent.block * blockSize + (done - start), length);
        done += length;
        this.#signal.throwIfAborted();
      }
    }
    yield* zeros(inode.sizeBytes);
  }

  async #extents(inode: Inode): Promise<Extent[]> {
    const readBlock: ReadBlock = (number) => {
      if (number >= this.#fs.blocks) throw new DamagedFileSystem(`inode ${inode.number} points to block ${number}`);
      return this.#read(number * this.#fs.blockSize, this.#fs.blockSize);
    };
    const map = inode.raw.subarray(0x28, 0x28 + 60);
    const blocks = Math.ceil(inode.sizeBytes / this.#fs.blockSize);
    const extents = await extentMap(map, inode.hasExtents, blocks, this.#fs.blocks, readBlock);
    if (typeof extents === 'string') throw new DamagedFileSystem(`inode ${inode.number}: ${extents}`);
    return extents;
  }

  async #inode(number: number): Promise<Inode> {
    const {inodes, inodesPerGroup, inodeSize} = this.#fs;
    if (number < 1 || number > inodes) throw new DamagedFileSystem(`there is no inode ${number}`);
    const group = Math.floor((number - 1) / inodesPerGroup);
    const table = await this.#tableOf(group);
    const raw = await this.#read(table + ((number - 1) % inodesPerGroup) * inodeSize, inodeSize);
    const inode = parseInode(number, raw);
    if (typeof inode === 'string') throw new DamagedFileSystem(inode);
    return inode;
  }

  /** Where a group's inodes are, in bytes. */
  async #tableOf(group: number): Promise<number> {
    const known = this.#tables.get(group);
    if (known !== undefined) return known;
    const {descriptorSize, descriptorsAt, blockSize} = this.#fs;
    const descriptor = await this.#read(descriptorsAt + group * descriptorSize, descriptorSize);
    const high = descriptorSize >= 64 ? descriptor.readUInt32LE(0x28) * 2 ** 32 : 0;
    const table = (descriptor.readUInt32LE(8) + high) * blockSize;
    this.#tables.set(group, table);
    return table;
  }

  async #attributesOf(inode: Inode): Promise<Pick<TreeEntry, 'attributes'>> {
    const inline = parseInlineAttributes(inode.raw);
    const apart = inode.attributeBlock === 0 ? [] : await this.#attributeBlock(inode.attributeBlock);
    const all = [...inline, ...apart];
    if (all.length === 0) return {};
    const values: [string, string][] = [];
    for (const {name, value, valueInode} of all) {
      const whole = async () => this.#whole(await this.#inode(valueInode), `the attribute ${name}`, attributeBytes);
      const bytes = valueInode === 0 ? value : await whole();
      values.push([name, bytes.toString('base64')]);
    }
    return {attributes: Object.fromEntries(values.sort(([a], [b]) => (a < b ? -1 : 1)))};
  }

  /** Many files share one block of attributes. */
  async #attributeBlock(number: number): Promise<readonly RawAttribute[]> {
    const known = this.#attributeBlocks.get(number);
    if (known) return known;
    if (number >= this.#fs.blocks) throw new DamagedFileSystem(`attributes are said to be in block ${number}`);
    const attributes = parseAttributeBlock(await this.#read(number * this.#fs.blockSize, this.#fs.blockSize));
    this.#attributeBlocks.set(number, attributes);
    return attributes;
  }
}
