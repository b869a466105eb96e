import type {Sha256} from '../base/index.js';

/** A Release file: what a suite consists of. */
export interface Release {
  /** Seconds since 1970. */
  readonly date: number;
  /** Digests by path below the suite's folder. */
  readonly files: ReadonlyMap<string, {readonly sha256: Sha256; readonly sizeBytes: number}>;
}

/** Parses a Release or InRelease file; undefined when it has no date or no SHA256 list, and so is none.
 * @see deb822(5), and DebianRepository/Format in Debian's wiki
 */
export function parseRelease(text: string): Release | undefined {
  const date = Date.parse(/^Date: (.+)$/m.exec(text)?.[1] ?? '') / 1000;
  const list = /^SHA256:[ \t]*\n((?: .*\n?)+)/m.exec(text)?.[1];
  if (Number.isNaN(date) || list === undefined) return undefined;
  const entries = [...list.matchAll(/^ +([0-9a-f]{64}) +(\d+) +(\S+)$/gm)];
  const files = entries.map(
    ([, sha256 = '', size = '', path = '']) => [path, {sha256: sha256 as Sha256, sizeBytes: Number(size)}] as const,
  );
  return {date, files: new Map(files)};
}

/** The package indexes of an architecture in a release, the smaller form of each: paths such as
 * `main/binary-amd64/Packages.xz` with their component. */
export function packageIndexes(
  {files}: Release,
  architecture: string,
): {readonly component: string; readonly path: string; readonly sha256: Sha256}[] {
  return [...files].flatMap(([path, file]) => {
    const match = new RegExp(`^(.+)/binary-${architecture}/Packages\\.xz$`).exec(path);
    return match?.[1] ? [{component: match[1], path, sha256: file.sha256}] : [];
  });
}

/** A Release file for indexes of ours.
 * @param files By path below the suite's folder.
 */
export function renderRelease(
  suite: string,
  architecture: string,
  components: readonly string[],
  epoch: number,
  files: readonly {readonly path: string; readonly sha256: Sha256; readonly sizeBytes: number}[],
): string {
  return [
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${new Date(epoch * 1000).toUTCString().replace('GMT', 'UTC')}`,
    `Architectures: ${architecture}`,
    `Components: ${components.join(' ')}`,
    'SHA256:',
    ...files.map(({path, sha256, sizeBytes}) => ` ${sha256} ${sizeBytes} ${path}`),
    '',
  ].join('\n');
}
