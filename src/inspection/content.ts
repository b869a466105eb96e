import type {TreeListing} from './listing.js';

/** A partition as an inspection found it. */
export interface InspectedPartition {
  /** 0 when the disk has no table and is one file system. */
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** GPT's type in capitals, or two hexadecimal digits of an MBR. */
  readonly type: string;
  readonly uuid?: string;
  readonly name?: string;
  readonly fileSystem?: {readonly type: string; readonly uuid?: string; readonly label?: string};
  /** Where its files stand in the listing; absent when they aren't listed. */
  readonly mountPoint?: string;
  /** Of all its bytes, when its files aren't listed and it isn't too large for that. */
  readonly sha256?: string;
}

/** All that an inspection knows of a disk image: one value, to be compared, asked and kept. */
export interface ImageContent {
  readonly form: 4;
  readonly virtualSizeBytes: number;
  readonly table: 'gpt' | 'mbr' | 'none';
  /** The first sector holds a program for BIOS, and the mark that BIOS asks for. */
  readonly hasBootCode: boolean;
  readonly partitions: readonly InspectedPartition[];
  readonly listing: TreeListing;
  /** Texts of the files that decide how the system behaves (see `isTextWanted`), by path. */
  readonly texts: Readonly<Record<string, string>>;
  /** What could not be read or is not as it should be, in words. */
  readonly notes: readonly string[];
}

const smallBytes = 64 * 1024;

/** Whether a file's text belongs into an inspection: configuration, units, the package manager's own records, what lies in
 * people's folders, and Docker's record of its images. */
export function isTextWanted(path: string, sizeBytes: number): boolean {
  if (/^\/var\/lib\/dpkg\/(status|info\/[^/]+\.list)$/.test(path)) return true;
  if (path === '/var/lib/apt/extended_states') return true;
  if (sizeBytes > smallBytes) return false;
  if (/^\/(root|home\/[^/]+)\/|\/\.ssh\/|^\/var\/lib\/docker\/image\//.test(path)) return true;
  return /^\/etc\/|^\/usr\/lib\/(systemd|sysusers\.d|tmpfiles\.d)\/|^\/usr\/lib\/os-release$|^\/boot\/grub\/grub\.cfg$/.test(
    path,
  );
}

/** A text of the image by its path; links are followed within what was read. */
export function textAt({listing, texts}: Pick<ImageContent, 'listing' | 'texts'>, path: string): string | undefined {
  const known = texts[path];
  if (known !== undefined) return known;
  const link = listing.find((entry) => entry.path === path);
  if (link?.type !== 'link' || link.target === undefined) return undefined;
  const folder = path.slice(0, path.lastIndexOf('/'));
  const parts = link.target.startsWith('/') ? [] : folder.split('/');
  for (const part of link.target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return texts[`/${parts.filter(Boolean).join('/')}`];
}
