import {createHash} from 'node:crypto';
import {createReadStream, createWriteStream} from 'node:fs';
import {chmod, mkdir, readFile, realpath, rm, stat, writeFile} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {fileURLToPath} from 'node:url';
import {
  type AptAnswer,
  type AptRequest,
  addressOf,
  aptConfiguration,
  aptGetProgram,
  aptMethodProgram,
  aptPlace,
  archiveFileAt,
  type Deb,
  type IndexedPackage,
  packageIndexes,
  parseRelease,
  readTable,
  renderRelease,
  renderStanza,
  type SuiteState,
  suitesOf,
  tableProgram,
} from '../archive/index.js';
import {
  type DebianMirrors,
  describeEnd,
  HostError,
  lastLines,
  type Sha256,
  sha256,
  systemErrorCode,
  type World,
} from '../base/index.js';
import {authorization, type Credentials} from '../element/index.js';
import {movedPackages, type PackageMove, type ReleaseState} from '../lock/index.js';
import {enter, type Mount, ownByNamespace, type Tree} from '../sandbox/index.js';
import {type PackageFiles, removeTree, storeError} from '../store/index.js';
import type {Downloads} from './download.js';
import {serve} from './package-socket.js';
import type {Workshop} from './workshop.js';

/** Packages for one sandbox: what is put into it so that its apt asks us, and what it took. */
export interface LentPackages extends AsyncDisposable {
  /** For a root whose apt is to ask us; `at` is where that root lies in the sandbox, empty for the sandbox's own. */
  mounts(at: string): Mount[];
  /** In place of the methods of a root whose apt is called by mmdebstrap. */
  methodMounts(): Mount[];
  /** An empty folder for apt's /var/cache/apt/archives: so that no layer has them. */
  readonly archives: string;
  /** Folder with an apt-get that goes before the real one, seen in the sandbox. */
  readonly programs: string;
  /** For programs in a root that `mounts` was for. */
  readonly env: Readonly<Record<string, string>>;
  /** The packages that were taken, with all that finds them again.
   * @param tools A root with apt and awk, to read indexes with.
   */
  taken(tools: Tree): Promise<Deb[]>;
  /** Why a request could not be answered, as an error; undefined when all were. A failure of this machine comes first. */
  trouble(doing: string): unknown;
}

/** How a lent archive looks to apt. */
export interface LendOptions {
  /** The addresses by which apt asks. */
  readonly mirrors: DebianMirrors | undefined;
  /** When given, apt sees these packages and no others. */
  readonly locked?: readonly Deb[];
  /** A root with dpkg-deb, to read locked packages with. */
  readonly tools: Tree;
}

type Trouble =
  | {readonly kind: 'moved' | 'altered' | 'unreachable'; readonly file: string; readonly problem: string}
  | {readonly kind: 'offline'; readonly file: string};

interface Found {
  readonly kind: 'found';
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/** The package archive as one build sees it: each suite's index is read once, so that a mirror which changes meanwhile
 * cannot give a mixed image; everything else is found by its digest, in the store or on a mirror. */
export class PackageArchive {
  readonly #workshop: Workshop;
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
    this.#workshop = workshop;
    this.#downloads = downloads;
    this.mirrors = mirrors;
    this.#architecture = architecture;
    this.#world = world;
  }

  get #files(): PackageFiles {
    return this.#workshop.store.packages;
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
            const rows = readTable(await this.#table(digest, tools), wanted);
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
    const found = address.startsWith('file://') ? await this.#copyFile(address) : await this.#fetchAny(address, access);
    if (digest === undefined || found.kind !== 'found' || found.sha256 === digest) return found;
    return {kind: 'altered', file: address, problem: `its sha256 is ${found.sha256}, not ${digest}`};
  }

  async #copyFile(address: string): Promise<Found | Trouble> {
    const path = await pathIfOpenToAll(address);
    if (path === undefined) {
      const problem = 'not everybody may read it: of this machine elements are given what is open to all';
      return {kind: 'unreachable', file: address, problem};
    }
    const part = this.#files.newPart();
    const hash = createHash('sha256');
    try {
      const {signal} = this.#world;
      await pipeline(
        createReadStream(path),
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(part, {mode: 0o644}),
        {signal},
      );
    } catch (error) {
      await rm(part, {force: true});
      const code = systemErrorCode(error) ?? '';
      if (!['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR'].includes(code)) throw storeError(error, this.#files.folder);
      return {kind: 'moved', file: address, problem: error instanceof Error ? error.message : code};
    }
    const digest = hash.digest('hex') as Sha256;
    const {size} = await stat(part);
    await this.#files.keep(part, digest, size);
    return {kind: 'found', sha256: digest, sizeBytes: size};
  }

  /** Lends the archive to a sandbox. */
  async lend({mirrors, locked, tools}: LendOptions): Promise<LentPackages> {
    const {work} = this.#workshop;
    const folder = await work.newFolder();
    const archives = await work.newFolder();
    await mkdir(`${folder}/files`);
    await mkdir(`${folder}/bin`);
    await mkdir(`${archives}/partial`);
    for (const path of [archives, `${archives}/partial`]) await ownByNamespace(path);
    await writeFile(`${folder}/apt.conf`, aptConfiguration(locked === undefined));
    for (const [path, text] of [
      ['fetch', aptMethodProgram],
      ['bin/apt-get', aptGetProgram],
    ] as const) {
      await writeFile(`${folder}/${path}`, text);
      await chmod(`${folder}/${path}`, 0o755);
    }
    const made = locked && (await this.#makeIndexes(locked, tools));
    const taken = new Map<Sha256, {file: {archive: string; path: string}; sizeBytes: number}>();
    let trouble: Trouble | undefined;
    let failure: unknown;
    const find = async (request: AptRequest): Promise<AptAnswer> => {
      const result = made ? this.#fromMade(request, made, mirrors) : await this.#fromArchive(request, mirrors);
      if (result.kind !== 'found') {
        if (result.kind !== 'absent') trouble ??= result;
        return {kind: 'none', problem: describeTrouble(result)};
      }
      const file = this.#fileAt(request.address, mirrors);
      if (request.address.endsWith('.deb') && file) taken.set(result.sha256, {file, sizeBytes: result.sizeBytes});
      return {kind: 'file', file: result.sha256, sha256: result.sha256, sizeBytes: result.sizeBytes};
    };
    const {folder: files} = this.#files;
    const answer = async (request: AptRequest): Promise<AptAnswer> => {
      try {
        return await find(request);
      } catch (error) {
        failure ??= storeError(error, files);
        return {kind: 'none', problem: error instanceof Error ? error.message : String(error)};
      }
    };
    const server = await serve(folder, answer);
    return {
      mounts: (at) => [
        {kind: 'bind', at: `${at}${aptPlace}`, from: folder, readOnly: true},
        {kind: 'bind', at: `${at}${aptPlace}/files`, from: files, readOnly: true},
      ],
      // The method for https is a link to that for http.
      methodMounts: () => [{kind: 'bind', at: '/usr/lib/apt/methods/http', from: `${folder}/fetch`, readOnly: true}],
      archives,
      programs: `${aptPlace}/bin`,
      env: {APT_CONFIG: `${aptPlace}/apt.conf`},
      taken: async (root) => {
        const byDigest = new Map(locked?.map((deb) => [deb.sha256, deb]));
        const known = [...taken.keys()].flatMap((digest) => byDigest.get(digest) ?? []);
        return locked ? known : await this.#describe(taken, root);
      },
      trouble: (doing) => failure ?? (trouble && troubleError(trouble, doing)),
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await removeTree(archives);
      },
    };
  }

  /** A file of a known archive. Where an index was asked for, its address makes another archive known. */
  #fileAt(address: string, mirrors: DebianMirrors | undefined): {archive: string; path: string} | undefined {
    const none = {archive: '\0', security: '\0'};
    const known = archiveFileAt(address, mirrors ?? none, this.#others);
    const base = /^(.*?)\/+dists\/.+\/(?:InRelease|Release)$/.exec(address)?.[1];
    if (known || base === undefined) return known;
    this.#others.add(base);
    return archiveFileAt(address, mirrors ?? none, this.#others);
  }

  async #fromArchive(
    request: AptRequest,
    mirrors: DebianMirrors | undefined,
  ): Promise<Found | Trouble | {readonly kind: 'absent'}> {
    const file = this.#fileAt(request.address, mirrors);
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

  #fromMade(
    request: AptRequest,
    made: MadeIndexes,
    mirrors: DebianMirrors | undefined,
  ): Found | Trouble | {readonly kind: 'absent'} {
    const file = this.#fileAt(request.address, mirrors);
    const [, suite, name] = /^dists\/(.+)\/(InRelease|Release|Release\.gpg)$/.exec(file?.path ?? '') ?? [];
    if (file && suite && name) {
      return name === 'Release' ? made.release(file.archive, suite) : {kind: 'absent'};
    }
    return (request.sha256 && made.files.get(request.sha256)) || {kind: 'absent'};
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
    const fetched = await this.#downloads.fetch(address, part, access && authorization(access));
    if (fetched.kind === 'absent') return {kind: 'moved', file: address, problem: fetched.problem};
    if (fetched.kind === 'unreachable') return {kind: 'unreachable', file: address, problem: fetched.problem};
    await this.#files.keep(part, fetched.sha256, fetched.sizeBytes);
    return {kind: 'found', sha256: fetched.sha256, sizeBytes: fetched.sizeBytes};
  }

  /** What the indexes say of files that were taken. */
  async #describe(
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

  async #table(digest: Sha256, tools: Tree): Promise<string> {
    const known = await this.#files.readMade(digest, 'table');
    if (known !== undefined) return known;
    const out = await this.#workshop.work.newFolder();
    await ownByNamespace(out);
    const script = `/usr/lib/apt/apt-helper cat-file /tmp/index.xz | awk '${tableProgram}' > /tmp/out/table`;
    await this.#runTool(
      'reading an index of packages',
      tools,
      script,
      [],
      [
        {kind: 'bind', at: '/tmp/index.xz', from: `${this.#files.folder}/${digest}`, readOnly: true},
        {kind: 'bind', at: '/tmp/out', from: out, readOnly: false},
      ],
    );
    const table = await readFile(`${out}/table`, 'utf8');
    await this.#files.writeMade(digest, 'table', table);
    return table;
  }

  /** Indexes with nothing but locked packages, each as its own control file and the lock have it. */
  async #makeIndexes(locked: readonly Deb[], tools: Tree): Promise<MadeIndexes> {
    const gone = await this.fetchAll(locked);
    if (gone.length > 0) {
      const file = gone.map(({path}) => path).join(', ');
      throw troubleError({kind: 'moved', file, problem: ''}, 'fetching the packages of the lock');
    }
    const controls = await this.#controls(locked, tools);
    const files = new Map<Sha256, Found>();
    const releases = new Map<string, Found>();
    const keep = async (text: string): Promise<Found> => {
      const found = {kind: 'found', sha256: sha256(text), sizeBytes: Buffer.byteLength(text)} as const;
      await this.#files.keepText(text, found.sha256);
      files.set(found.sha256, found);
      return found;
    };
    for (const deb of locked) files.set(deb.sha256, {kind: 'found', sha256: deb.sha256, sizeBytes: deb.sizeBytes});
    const components = [...new Set(['main', ...locked.map(({component}) => component)])].sort();
    const visible = [...locked, ...mainVersions(locked)];
    const makeRelease = async (archive: string, suite: string): Promise<Found> => {
      const indexes = [];
      for (const component of components) {
        const inside = visible.filter((d) => d.archive === archive && d.suite === suite && d.component === component);
        const text = inside.map((deb) => renderStanza(controls.get(deb.sha256) ?? '', deb)).join('');
        const {sha256: digest, sizeBytes} = await keep(text);
        indexes.push({path: `${component}/binary-${this.#architecture}/Packages`, sha256: digest, sizeBytes});
      }
      return keep(renderRelease(suite, this.#architecture, components, 0, indexes));
    };
    const known = new Set(visible.map(({archive, suite}) => `${archive} ${suite}`));
    for (const name of known) {
      const [archive = '', suite = ''] = name.split(' ');
      releases.set(name, await makeRelease(archive, suite));
    }
    // Suites that no locked package is from are asked for too; theirs are empty, and alike but for the name.
    const empty = new Map<string, Found>();
    for (const {archive, suite} of emptySuites(locked)) {
      empty.set(`${archive} ${suite}`, await makeRelease(archive, suite));
    }
    return {
      files,
      release: (archive, suite) =>
        releases.get(`${archive} ${suite}`) ?? empty.get(`${archive} ${suite}`) ?? {kind: 'absent'},
    };
  }

  async #controls(debs: readonly Deb[], tools: Tree): Promise<Map<Sha256, string>> {
    const controls = new Map<Sha256, string>();
    const unread: Sha256[] = [];
    for (const {sha256: digest} of debs) {
      const known = await this.#files.readMade(digest, 'control');
      if (known === undefined) unread.push(digest);
      else controls.set(digest, known);
    }
    if (unread.length === 0) return controls;
    const script = 'cd /mnt; for file; do printf "\\001%s\\n" "$file"; dpkg-deb --field "$file"; done';
    const printed = await this.#runTool('reading the packages of the lock', tools, script, unread, [
      {kind: 'bind', at: '/mnt', from: this.#files.folder, readOnly: true},
    ]);
    for (const part of printed.split('\x01').slice(1)) {
      const end = part.indexOf('\n');
      const [digest, control] = [part.slice(0, end) as Sha256, part.slice(end + 1)];
      controls.set(digest, control);
      await this.#files.writeMade(digest, 'control', control);
    }
    return controls;
  }

  async #runTool(
    doing: string,
    root: Tree,
    script: string,
    args: readonly string[],
    mounts: readonly Mount[],
  ): Promise<string> {
    const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'};
    const argv = ['sh', '-e', '-c', script, 'packages', ...args];
    const outcome = await enter(
      {
        name: 'packages',
        root,
        mounts: [{kind: 'tmpfs', at: '/tmp'}, ...mounts],
        network: 'none',
        ids: 'mapped',
        env,
        cwd: '/',
        argv,
      },
      this.#workshop.sandboxes,
      {signal: this.#world.signal},
    );
    if (outcome.exitCode === 0) return outcome.stdout;
    const output = lastLines(outcome.stderr, 15);
    throw new HostError('command-failed', {doing, command: 'sh', outcome: describeEnd(outcome), output});
  }
}

interface MadeIndexes {
  readonly files: ReadonlyMap<Sha256, Found>;
  release(archive: string, suite: string): Found | {readonly kind: 'absent'};
}

/** Packages that were taken from a suite of updates, as the release itself has them in another version: mmdebstrap looks for
 * names in the release alone, whichever version of them is taken then.
 */
function mainVersions(locked: readonly Deb[]): Deb[] {
  const inMain = new Set(locked.filter(({suite}) => !isUpdates(suite)).map(({name}) => name));
  return locked.flatMap((deb) => {
    if (!isUpdates(deb.suite) || inMain.has(deb.name)) return [];
    return [{...deb, archive: 'debian', suite: deb.suite.replace(updates, '')}];
  });
}

const updates = /-(updates|security)$/;

function isUpdates(suite: string): boolean {
  return updates.test(suite);
}

/** The suites beside those of locked packages that belong to the same releases. */
function emptySuites(locked: readonly Deb[]): {archive: string; suite: string}[] {
  const releases = new Set(locked.map(({suite}) => suite.replace(updates, '')));
  return [...releases].flatMap((release) => suitesOf(release));
}

/** `pool/non-free/f/foo/…` → `non-free`. */
function componentOf(path: string): string {
  return /^pool\/(?:updates\/)?([^/]+)\//.exec(path)?.[1] ?? 'main';
}

function describeTrouble(trouble: Trouble | {readonly kind: 'absent'}): string {
  switch (trouble.kind) {
    case 'absent':
      return 'not in the archive';
    case 'offline':
      return 'not in the store, and the network is not used';
    default:
      return trouble.problem;
  }
}

function troubleError(trouble: Trouble, doing: string): HostError {
  const {kind, file} = trouble;
  if (kind === 'offline') return new HostError('not-at-hand', {files: [file]});
  if (kind === 'moved') return new HostError('archive-moved', {doing, file});
  if (kind === 'altered') return new HostError('package-altered', {file, problem: trouble.problem});
  return new HostError('mirror-unreachable', {doing, problem: trouble.problem});
}

/** The path that a `file:` address leads to, when any user of this machine may read it; where nothing is, the path as it stands. */
async function pathIfOpenToAll(address: string): Promise<string | undefined> {
  let path: string;
  try {
    path = await realpath(fileURLToPath(address));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return fileURLToPath(address);
    if (error instanceof TypeError || systemErrorCode(error) === 'EACCES') return undefined; // no path of this machine's
    throw error;
  }
  const parts = path.split('/').slice(1, -1);
  const folders = parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
  const modes = await Promise.all(folders.map(async (folder) => (await stat(folder)).mode));
  const isOpen = modes.every((mode) => (mode & 0o001) !== 0) && ((await stat(path)).mode & 0o004) !== 0;
  return isOpen ? path : undefined;
}
