import {canonicalJson, type DebianMirrors, type Sha256, sha256} from '../base/index.js';

/** A package file with all that finds it again: on any mirror of its archive, or by its digest. */
export interface Deb {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** As the archive has it, which may overrule the package's own. */
  readonly priority?: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
  /** `debian`, `debian-security`, or the address of another archive. */
  readonly archive: string;
  readonly suite: string;
  readonly component: string;
  /** Below the archive's address. */
  readonly path: string;
}

/** One suite of an archive at a moment: the digest of its signed index covers every package in it. */
export interface SuiteState {
  readonly archive: string;
  readonly suite: string;
  /** Of its InRelease file. */
  readonly sha256: Sha256;
  /** When the archive made it; seconds since 1970. */
  readonly date: number;
}

/** The suites that packages come from, all as they are at one moment. */
export interface ArchiveState {
  readonly suites: readonly SuiteState[];
}

/** The digest of a state: which packages there are, and which are the newest. */
export function archiveStateId({suites}: ArchiveState): Sha256 {
  return sha256(canonicalJson(suites.map(({archive, suite, sha256: digest}) => ({archive, suite, digest}))));
}

/** The date of the newest suite: no file of its packages is newer. Seconds since 1970. */
export function archiveEpoch({suites}: ArchiveState): number {
  return Math.max(0, ...suites.map(({date}) => date));
}

/** A file of an archive. */
export interface ArchiveFile {
  readonly archive: string;
  readonly path: string;
}

/** Which file of which archive an address means; undefined when it is none of the mirrors'.
 * @param others Addresses of further archives, which are their names too.
 */
export function archiveFileAt(
  address: string,
  mirrors: DebianMirrors,
  others: Iterable<string> = [],
): ArchiveFile | undefined {
  const bases = [
    {archive: 'debian-security', base: mirrors.security},
    {archive: 'debian', base: mirrors.archive},
    ...[...others].map((base) => ({archive: base, base})),
  ];
  for (const {archive, base} of bases) {
    // apt leaves doubled slashes as they were written.
    if (address.startsWith(`${base}/`)) return {archive, path: address.slice(base.length).replace(/^\/+/, '')};
  }
  return undefined;
}

/** Where a file is fetched from. */
export function addressOf({archive, path}: ArchiveFile, mirrors: DebianMirrors): string {
  const base = archive === 'debian' ? mirrors.archive : archive === 'debian-security' ? mirrors.security : archive;
  return `${base}/${path}`;
}

/** The suites of a Debian release, as `debianSourceLines` names them. */
export function suitesOf(release: string): {readonly archive: string; readonly suite: string}[] {
  if (release === 'sid' || release === 'unstable') return [{archive: 'debian', suite: release}];
  return [
    {archive: 'debian', suite: release},
    {archive: 'debian', suite: `${release}-updates`},
    {archive: 'debian-security', suite: `${release}-security`},
  ];
}
