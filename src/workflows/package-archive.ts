import {readFile} from 'node:fs/promises';
import {
  type AptRequest,
  addressOf,
  archiveFileAt,
  type Deb,
  type IndexedPackage,
  packageIndexes,
  parseRelease,
  readTable,
  type SuiteState,
  suitesOf,
} from '../archive/index.js';
import {type DebianMirrors, HostError, type Sha256, type World} from '../base/index.js';
import type {Credentials} from '../element/index.js';
import {movedPackages, type PackageMove, type ReleaseState} from '../lock/index.js';
import type {Tree} from '../sandbox/index.js';
import type {PackageFiles} from '../store/index.js';
import {type Absent, type Found, type Trouble, troubleError} from './archive-answer.js';
import type {Downloads} from './download.js';
import {type LockedIndexes, makeLockedIndexes} from './locked-indexes.js';
import {keepMachineFile} from './machine-file.js';
import {PackageTables} from './package-tables.js';
import type {Workshop} from './workshop.js';

/** The package archive as one build sees it: each suite's index is read once, so that a mirror which changes meanwhile
 * cannot give a mixed image; everything else is found by its digest, in the store or on a mirror. */
export class PackageArchive {
  readonly #files: PackageFiles;
  readonly #tables: PackageTables;
  readonly #world: World;
  /** Undefined: no network. */
  readonly #downloads: Downloads | undefined;
  /** Where files are fetched from. */
  mirrors: DebianMirrors | undefined;
  readonly #pins = new Map<string, Promise<SuiteState | Trouble>>();
  readonly #fetches = new Map<Sha256, Promise<Found | Trouble>>();
  readonly #architecture: string;
  /** Addresses of archives other than Debian's, met in this build. */
  readonly #others = new Set<string>();

  constructor(
    workshop: Workshop,
    downloads: Downloads | undefined,
    mirrors: DebianMirrors | undefined,
    architecture: string,
    world: World,
  ) {
    this.#files = workshop.store.packages;
    this.#tables = new PackageTables(workshop, world);
    this.#downloads = downloads;
    this.mirrors = mirrors;
    this.#architecture = architecture;
    this.#world = world;
  }

  get isOnline(): boolean {
    return this.#downloads !== undefined;
  }

  /** Takes suites as they were, where the store still has their indexes.
   * @returns Whether it has.
   */
  async pin(suites: readonly SuiteState[]): Promise<boolean> {
    for (const suite of suites) if ((await this.#files.size(suite.sha256)) === undefined) return false;
    for (const suite of suites) this.#pins.set(`${suite.archive} ${suite.suite}`, Promise.resolve(suite));
    return true;
  }

  /** The suites of a release as they are now, or as they are pinned.
   * @throws {HostError} `mirror-unreachable`, `not-at-hand`
   */
  async stateOf(release: string): Promise<ReleaseState> {
    const suites = await Promise.all(
      suitesOf(release).map(async ({archive, suite}) => {
        const pinned = await this.#pinned(archive, suite);
        if ('kind' in pinned) throw troubleError(pinned, `reading the package archive of ${release}`);
        return pinned;
      }),
    );
    return {release, suites};
  }

  /** The suites of a release that were read so far. */
  async pinned(release: string): Promise<ReleaseState> {
    const suites = await this.suitesRead();
    return {release, suites: suites.filter(({suite}) => suite === release || suite.startsWith(`${release}-`))};
  }

  /** All suites that were read so far, of whatever archive. */
  async suitesRead(): Promise<SuiteState[]> {
    const pins = await Promise.all(this.#pins.values());
    return pins.flatMap((pin) => ('kind' in pin ? [] : [pin]));
  }

  /** Which packages have another version in a state of the archive, or are gone from it. */
  async movesSince(debs: readonly Deb[], state: ReleaseState, tools: Tree): Promise<PackageMove[]> {
    const components = new Set(debs.map(({component}) => component));
    const names = new Set(debs.map(({name}) => name));
    return movedPackages(debs, await this.indexed(state, components, (name) => names.has(name), tools));
  }

  /** What the indexes of a state say of packages. */
  async indexed(
    state: ReleaseState,
    components: ReadonlySet<string>,
    wanted: (name: string, digest: string) => boolean,
    tools: Tree,
  ): Promise<(IndexedPackage & Pick<Deb, 'archive' | 'suite' | 'component'>)[]> {
    const found = await Promise.all(
      state.suites.map(async (suite) => {
        const release = parseRelease(await readFile(`${this.#files.folder}/${suite.sha256}`, 'utf8'));
        const indexes = release ? packageIndexes(release, this.#architecture) : [];
        const tables = indexes
          .filter(({component}) => components.has(component))
          .map(async ({component, path, sha256: digest}) => {
            const file = {archive: suite.archive, path: `dists/${suite.suite}/${path}`};
            const index = await this.#findOrFetch(digest, file);
            if (index.kind !== 'found') throw troubleError(index, 'reading an index of packages');
            const rows = readTable(await this.#tables.table(digest, tools), wanted);
            return rows.map((row) => ({...row, archive: suite.archive, suite: suite.suite, component}));
          });
        return (await Promise.all(tables)).flat();
      }),
    );
    return found.flat();
  }

  /** Which of these files are not in the store, and cannot be had without network. */
  async missing(debs: readonly Deb[]): Promise<Deb[]> {
    const sizes = await Promise.all(debs.map(({sha256: digest}) => this.#files.size(digest)));
    return debs.filter((_, i) => sizes[i] === undefined);
  }

  /** Fetches files into the store.
   * @returns Those that no mirror has any more.
   * @throws {HostError} `mirror-unreachable`, `package-altered`, `not-at-hand`
   */
  async fetchAll(debs: readonly Deb[]): Promise<Deb[]> {
    const missing = await this.missing(debs);
    if (missing.length > 0 && !this.#downloads) {
      throw new HostError('not-at-hand', {files: missing.map(({name, version}) => `${name} ${version}`)});
    }
    const results = await Promise.all(missing.map((deb) => this.#findOrFetch(deb.sha256, deb)));
    const gone: Deb[] = [];
    for (const [i, result] of results.entries()) {
      if (result.kind === 'moved') gone.push(missing[i] as Deb);
      else if (result.kind !== 'found') throw troubleError(result, 'fetching the packages of the lock');
    }
    return gone;
  }

  /** Where the files lie that were fetched, by their digests. */
  get folder(): string {
    return this.#files.folder;
  }

  /** Any file, by its address on the network or on this machine; it is in the store then.
   * @param digest What it has to be; else it is as it is now.
   * @param access For its server.
   */
  async fetchFile(address: string, digest?: Sha256, access?: Credentials): Promise<Found | Trouble> {
    const sizeBytes = digest && (await this.#files.size(digest));
    if (digest && sizeBytes !== undefined) return {kind: 'found', sha256: digest, sizeBytes};
    const found = address.startsWith('file://')
      ? await keepMachineFile(address, this.#files, this.#world.signal)
      : await this.#fetchAny(address, access);
    if (digest === undefined || found.kind !== 'found' || found.sha256 === digest) return found;
    return {kind: 'altered', file: address, problem: `its sha256 is ${found.sha256}, not ${digest}`};
  }

  /** A file of a known archive. Where an index was asked for, its address makes another archive known. */
  fileAt(address: string, mirrors: DebianMirrors | undefined): {archive: string; path: string} | undefined {
    const none = {archive: '\0', security: '\0'};
    const known = archiveFileAt(address, mirrors ?? none, this.#others);
    const base = /^(.*?)\/+dists\/.+\/(?:InRelease|Release)$/.exec(address)?.[1];
    if (known || base === undefined) return known;
    this.#others.add(base);
    return archiveFileAt(address, mirrors ?? none, this.#others);
  }

  /** What apt asks for: an index as this build sees it, or a file by the digest that apt has of it.
   * @param mirrors The addresses by which it asks.
   */
  async find(request: AptRequest, mirrors: DebianMirrors | undefined): Promise<Found | Trouble | Absent> {
    const file = this.fileAt(request.address, mirrors);
    const [, suite, name] = /^dists\/(.+)\/(InRelease|Release|Release\.gpg)$/.exec(file?.path ?? '') ?? [];
    if (file && suite && name) {
      if (name !== 'InRelease') return {kind: 'absent'};
      const pinned = await this.#pinned(file.archive, suite);
      if ('kind' in pinned) return pinned;
      return {kind: 'found', sha256: pinned.sha256, sizeBytes: (await this.#files.size(pinned.sha256)) ?? 0};
    }
    if (request.sha256) return this.#findOrFetch(request.sha256, file ?? request.address);
    this.#world.emit({type: 'warning', text: `Taken without a digest known before: ${request.address}`});
    return this.#fetchAny(request.address);
  }

  #pinned(archive: string, suite: string): Promise<SuiteState | Trouble> {
    const key = `${archive} ${suite}`;
    const known = this.#pins.get(key);
    if (known) return known;
    const pinned = this.#readSuite(archive, suite);
    this.#pins.set(key, pinned);
    return pinned;
  }

  async #readSuite(archive: string, suite: string): Promise<SuiteState | Trouble> {
    const address = this.#addressOf({archive, path: `dists/${suite}/InRelease`});
    const fetched = await this.#fetchAny(address);
    if (fetched.kind !== 'found') return fetched;
    const release = parseRelease(await readFile(`${this.#files.folder}/${fetched.sha256}`, 'utf8'));
    if (!release) return {kind: 'altered', file: address, problem: 'it is no index of a suite'};
    return {archive, suite, sha256: fetched.sha256, date: release.date};
  }

  #addressOf(file: {archive: string; path: string}): string {
    return addressOf(file, this.mirrors ?? {archive: '', security: ''});
  }

  #findOrFetch(digest: Sha256, from: {archive: string; path: string} | string): Promise<Found | Trouble> {
    const known = this.#fetches.get(digest);
    if (known) return known;
    const found = this.#findOrFetchNow(digest, from);
    this.#fetches.set(digest, found);
    return found;
  }

  async #findOrFetchNow(digest: Sha256, from: {archive: string; path: string} | string): Promise<Found | Trouble> {
    const sizeBytes = await this.#files.size(digest);
    if (sizeBytes !== undefined) return {kind: 'found', sha256: digest, sizeBytes};
    const address = typeof from === 'string' ? from : this.#addressOf(from);
    const fetched = await this.#fetchAny(address);
    if (fetched.kind !== 'found' && fetched.kind !== 'moved') return fetched;
    if (fetched.kind === 'found' && fetched.sha256 === digest) return fetched;
    // An index that was replaced is kept by its digest for a while.
    const folder = /^(.*\/)Packages(?:\.\w+)?$/.exec(address)?.[1];
    if (folder === undefined && fetched.kind === 'found') {
      return {kind: 'altered', file: address, problem: `its sha256 is ${fetched.sha256}, not ${digest}`};
    }
    const byHash = folder === undefined ? fetched : await this.#fetchAny(`${folder}by-hash/SHA256/${digest}`);
    if (byHash.kind === 'found' && byHash.sha256 === digest) return byHash;
    return {kind: 'moved', file: address, problem: 'the archive has it no longer'};
  }

  /** Fetches whatever is at an address now. */
  async #fetchAny(address: string, access?: Credentials): Promise<Found | Trouble> {
    if (!this.#downloads) return {kind: 'offline', file: address};
    const part = this.#files.newPart();
    const fetched = await this.#downloads.fetch(address, part, access);
    if (fetched.kind === 'absent') return {kind: 'moved', file: address, problem: fetched.problem};
    if (fetched.kind === 'unreachable') return {kind: 'unreachable', file: address, problem: fetched.problem};
    await this.#files.keep(part, fetched.sha256, fetched.sizeBytes);
    return {kind: 'found', sha256: fetched.sha256, sizeBytes: fetched.sizeBytes};
  }

  /** Indexes that hold these packages alone; the packages are in the store then.
   * @throws {HostError} as `fetchAll`; `archive-moved`
   */
  async lockedIndexes(locked: readonly Deb[], tools: Tree): Promise<LockedIndexes> {
    const gone = await this.fetchAll(locked);
    if (gone.length > 0) {
      const file = gone.map(({path}) => path).join(', ');
      throw troubleError({kind: 'moved', file, problem: ''}, 'fetching the packages of the lock');
    }
    const controls = await this.#tables.controls(locked, tools);
    return makeLockedIndexes(locked, controls, this.#architecture, this.#files);
  }

  /** What the indexes say of files that were taken. */
  async describe(
    taken: ReadonlyMap<Sha256, {readonly file: {archive: string; path: string}}>,
    tools: Tree,
  ): Promise<Deb[]> {
    const suites = await this.suitesRead();
    const components = new Set([...taken.values()].map(({file}) => componentOf(file.path)));
    const rows = await this.indexed(
      {release: '', suites},
      components,
      (_, digest) => taken.has(digest as Sha256),
      tools,
    );
    const byDigest = new Map(rows.map((row) => [row.sha256, row]));
    return [...taken].flatMap(([digest, {file}]) => {
      const row = byDigest.get(digest);
      if (!row) {
        this.#world.emit({type: 'warning', text: `No index has ${file.path}: a lock can't name it`});
        return [];
      }
      const {priority, ...deb} = row;
      return [{...deb, ...(priority ? {priority} : {})}];
    });
  }
}

/** `pool/non-free/f/foo/…` → `non-free`. */
function componentOf(path: string): string {
  return /^pool\/(?:updates\/)?([^/]+)\//.exec(path)?.[1] ?? 'main';
}
