import {compareCodePoints, type Sha256} from '../base/index.js';

/** What a path of a tree is. */
export type EntryType = 'file' | 'folder' | 'link' | 'character device' | 'block device' | 'fifo' | 'socket';

/** One path of a tree, with all that two trees can differ in. Times are whole seconds since 1970. */
export interface TreeEntry {
  /** Absolute in the tree, `/` for its root. Bytes that are no UTF-8 are lone surrogates, U+DC80 to U+DCFF, as in Python. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits, set-id and sticky bits: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of files: their length. Of links: that of the target. Of all else 0. */
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  /** Of files. */
  readonly sha256?: Sha256;
  /** Of links. */
  readonly target?: string;
  /** Of devices: major and minor number. */
  readonly device?: readonly [number, number];
  /** Extended attributes by name; values in base64. Absent when there are none. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** The first path, in the listing's order, of the file that this is a further name of. */
  readonly hardLinkOf?: string;
}

/** Every path of a tree, by code points of the path. */
export type TreeListing = readonly TreeEntry[];

/** Puts entries into the order of listings. */
export function orderListing(entries: readonly TreeEntry[]): TreeListing {
  const isPlain = entries.every(({path}) => !/[\ud800-\uffff]/.test(path));
  // UTF-16's order is that of the code points as long as none is beyond the surrogates; and it is much quicker.
  const compare = isPlain ? (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0) : compareCodePoints;
  return [...entries].sort((a, b) => compare(a.path, b.path));
}

/** A name's bytes as text, such that different bytes give different text. */
export function nameFromBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (!text.includes('\ufffd') || Buffer.from(text).equals(buffer)) return text;
  let name = '';
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    name += length > 0 ? buffer.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + buffer.readUInt8(at));
    at += Math.max(length, 1);
  }
  return name;
}

/** Length of the whole UTF-8 sequence at a place; 0 when there is none. */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer.readUInt8(at);
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > buffer.length) return 0;
  const sequence = buffer.subarray(at, at + length);
  return Buffer.from(sequence.toString('utf8')).equals(sequence) ? length : 0;
}

/** The entries below a folder and the folder itself, by their paths. */
export function entriesByPath(listing: TreeListing): ReadonlyMap<string, TreeEntry> {
  return new Map(listing.map((entry) => [entry.path, entry]));
}

/** The path that a path leads to when its folders' links are followed, as far as the listing knows them.
 * The last part is not followed: `/bin/sh` is `/usr/bin/sh` where `/bin` is a link.
 */
export function resolveFolders(path: string, entries: ReadonlyMap<string, TreeEntry>): string {
  let parts = path.split('/').filter(Boolean);
  let resolved = '';
  for (let links = 0; parts.length > 0; ) {
    const [part = '', ...rest] = parts;
    parts = rest;
    if (part === '.') continue;
    if (part === '..') {
      resolved = resolved.slice(0, Math.max(0, resolved.lastIndexOf('/')));
      continue;
    }
    const entry = entries.get(`${resolved}/${part}`);
    const isFollowed = entry?.type === 'link' && rest.length > 0 && links < 40;
    if (!isFollowed) {
      resolved += `/${part}`;
      continue;
    }
    links++;
    const target = entry.target ?? '';
    if (target.startsWith('/')) resolved = '';
    parts = [...target.split('/').filter(Boolean), ...rest];
  }
  return resolved || '/';
}
