import {compareCodePoints} from '../base/index.js';
import {resolveFolders, type TreeEntry} from './listing.js';

/** One package as dpkg's status file has it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package and its version; the package's own where dpkg says nothing else. */
  readonly source: string;
  readonly sourceVersion: string;
  readonly installedKiB: number;
  readonly isEssential: boolean;
  readonly priority: string;
  /** Depends and Pre-Depends: all are needed, each by any of its alternatives. */
  readonly depends: readonly (readonly string[])[];
  readonly recommends: readonly (readonly string[])[];
  readonly provides: readonly string[];
  readonly maintainer: string;
  readonly homepage?: string;
  readonly summary: string;
}

/** The installed packages of a status file (/var/lib/dpkg/status), by name and architecture. */
export function parseDpkgStatus(text: string): DebianPackage[] {
  return paragraphs(text)
    .filter((fields) => /(^|\s)installed$/.test(fields.get('status') ?? '') && fields.has('package'))
    .map(packageOf)
    .sort((a, b) => compareCodePoints(packageId(a), packageId(b)));
}

/** `libc6:amd64`: how a package is told from that of another architecture. */
export function packageId({name, architecture}: Pick<DebianPackage, 'name' | 'architecture'>): string {
  return `${name}:${architecture}`;
}

function packageOf(fields: ReadonlyMap<string, string>): DebianPackage {
  const of = (name: string) => fields.get(name) ?? '';
  const version = of('version');
  const [, source = of('package'), sourceVersion = version] = /^(\S+)(?: \((.*)\))?$/.exec(of('source')) ?? [];
  const homepage = fields.get('homepage');
  return {
    name: of('package'),
    version,
    architecture: of('architecture'),
    source,
    sourceVersion,
    installedKiB: Number(of('installed-size')) || 0,
    isEssential: of('essential') === 'yes',
    priority: of('priority'),
    depends: [...relations(of('pre-depends')), ...relations(of('depends'))],
    recommends: relations(of('recommends')),
    provides: relations(of('provides')).flat(),
    maintainer: of('maintainer'),
    ...(homepage === undefined ? {} : {homepage}),
    summary: of('description').split('\n')[0] ?? '',
  };
}

/** The packages that apt installed for the sake of others, of /var/lib/apt/extended_states, as `name:architecture`. */
export function parseAutomatic(text: string): Set<string> {
  const automatic = paragraphs(text).filter((fields) => fields.get('auto-installed') === '1');
  return new Set(automatic.map((fields) => `${fields.get('package')}:${fields.get('architecture')}`));
}

/** Names of a relation field; versions and architecture qualifiers are left out. */
function relations(field: string): string[][] {
  return field
    .split(',')
    .map((group) => group.split('|').flatMap((one) => /^\s*([a-z0-9][a-z0-9.+-]*)/.exec(one)?.[1] ?? []))
    .filter((group) => group.length > 0);
}

/** Paragraphs of a control file, by field names in lower case. */
export function paragraphs(text: string): ReadonlyMap<string, string>[] {
  return text.split(/\n[ \t]*\n/).flatMap((block) => {
    const fields = new Map<string, string>();
    let name = '';
    for (const line of block.split('\n')) {
      const [, key, value] = /^([^\s:#][^:]*):[ \t]*(.*)$/.exec(line) ?? [];
      if (key !== undefined) {
        name = key.toLowerCase();
        fields.set(name, value ?? '');
      } else if (name && /^[ \t]/.test(line)) fields.set(name, `${fields.get(name)}\n${line}`);
    }
    return fields.size > 0 ? [fields] : [];
  });
}

/** Which installed packages each package stands on: its dependencies, each by the first alternative that is there. */
export function dependencyGraph(packages: readonly DebianPackage[]): ReadonlyMap<string, readonly string[]> {
  const providers = new Map<string, string>();
  for (const {name, provides} of packages) {
    for (const provided of provides) if (!providers.has(provided)) providers.set(provided, name);
  }
  const names = new Set(packages.map(({name}) => name));
  const installed = (name: string) => (names.has(name) ? name : providers.get(name));
  return new Map(
    packages.map((item) => {
      const needed = item.depends.flatMap((alternatives) => firstOf(alternatives, installed));
      return [item.name, [...new Set(needed)].filter((name) => name !== item.name).sort(compareCodePoints)];
    }),
  );
}

function firstOf(alternatives: readonly string[], installed: (name: string) => string | undefined): string[] {
  for (const name of alternatives) {
    const found = installed(name);
    if (found !== undefined) return [found];
  }
  return [];
}

/** The shortest chain of dependencies from one of some packages to another, both ends included; undefined when none leads there. */
export function dependencyChain(
  graph: ReadonlyMap<string, readonly string[]>,
  from: readonly string[],
  to: string,
): string[] | undefined {
  const before = new Map<string, string | undefined>([...from].sort().map((name) => [name, undefined]));
  const queue = [...before.keys()];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (name === to) break;
    for (const next of graph.get(name) ?? []) {
      if (before.has(next)) continue;
      before.set(next, name);
      queue.push(next);
    }
  }
  if (!before.has(to)) return undefined;
  const chain: string[] = [];
  for (let name: string | undefined = to; name !== undefined; name = before.get(name)) chain.unshift(name);
  return chain;
}

/** Who owns each path by dpkg's file lists (/var/lib/dpkg/info/NAME.list): path → package names. Folders have several owners. */
export function packageOwners(
  texts: Readonly<Record<string, string>>,
  entries: ReadonlyMap<string, TreeEntry>,
): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  for (const [file, text] of Object.entries(texts)) {
    const name = /^\/var\/lib\/dpkg\/info\/([^/:]+)(?::[^/]+)?\.list$/.exec(file)?.[1];
    if (name === undefined) continue;
    for (const line of text.split('\n')) {
      if (!line.startsWith('/')) continue;
      const path = entries.has(line) ? line : resolveFolders(line, entries);
      const known = owners.get(path);
      if (!known) owners.set(path, [name]);
      else if (!known.includes(name)) known.push(name);
    }
  }
  return owners;
}

/** Orders versions as dpkg does: negative when the first is the older one.
 * @see deb-version(7)
 */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [versionParts(a), versionParts(b)];
  return (
    first.epoch - second.epoch ||
    compareParts(first.upstream, second.upstream) ||
    compareParts(first.revision, second.revision)
  );
}

function versionParts(version: string): {readonly epoch: number; readonly upstream: string; readonly revision: string} {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/.exec(version) ?? [];
  const hyphen = rest.lastIndexOf('-');
  if (hyphen < 0) return {epoch: Number(epoch), upstream: rest, revision: '0'};
  return {epoch: Number(epoch), upstream: rest.slice(0, hyphen), revision: rest.slice(hyphen + 1)};
}

/** Text and numbers in turns; a tilde comes before everything, even before the end, and letters before all other signs. */
function compareParts(a: string, b: string): number {
  const [left, right] = [a, b].map((part): string[] => part.match(/\d+|\D+/g) ?? []) as [string[], string[]];
  if (/^\d/.test(left[0] ?? '')) left.unshift('');
  if (/^\d/.test(right[0] ?? '')) right.unshift('');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i] ?? '', right[i] ?? ''];
    const order = i % 2 === 0 ? compareTexts(x, y) : compareNumbers(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function compareNumbers(a: string, b: string): number {
  const [x, y] = [BigInt(a || '0'), BigInt(b || '0')];
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareTexts(a: string, b: string): number {
  const weight = (sign: string | undefined) => {
    if (sign === undefined) return 0;
    if (sign === '~') return -1;
    return /[A-Za-z]/.test(sign) ? sign.charCodeAt(0) : sign.charCodeAt(0) + 256;
  };
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a[i]) - weight(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}
