import {archiveStateId, type Deb} from '../archive/index.js';
import {
  Bug,
  canonicalJson,
  type DebianMirrors,
  type Sha256,
  sha256,
  UsageError,
  type World,
  writeFileWhole,
} from '../base/index.js';
import {
  describeMoves,
  type Lock,
  type LockSubject,
  lockAgeDays,
  packageMoves,
  parseLock,
  type ReleaseState,
  renderLock,
  sourceMove,
  subjectChanges,
} from '../lock/index.js';
import {storeError} from '../store/index.js';
import {BuildSources} from './build-sources.js';
import {Downloads} from './download.js';
import {type LentPackages, lendPackages} from './lend-packages.js';
import {lastLockName, readLastLock, readLockText, subjectOf} from './lock-file.js';
import {ownMirrors} from './own-mirrors.js';
import {PackageArchive} from './package-archive.js';
import type {ImageBlueprint} from './read-blueprint.js';
import type {ToolsRoot, ToolsSource} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** What a person says of locks and the network. */
export interface LockChoices {
  /** Default: beside the image. */
  readonly lockFile?: string;
  /** Takes what the lock names, or fails. */
  readonly locked?: boolean;
  /** Takes the newest packages, and moves the lock. */
  readonly update?: boolean;
  /** Uses no network at all; that takes a lock. */
  readonly offline?: boolean;
}

/** What decides about a tree's packages: part of its keys, and where they are from. */
export interface SettledArchive {
  readonly state: ReleaseState;
  /** Why steps run that would be reused, when packages moved. */
  readonly reason?: string;
}

const oldAfterDays = 30;

/** In a lock: the image's packages aren't of Debian's archive. */
const noRelease = '';

/** The packages of one build: from the lock that there is, or as the archive has them now. */
export class BuildPackages implements AsyncDisposable {
  readonly file: string;
  readonly isOffline: boolean;
  /** What its elements fetch beside packages. */
  readonly sources: BuildSources;
  readonly #workshop: Workshop;
  readonly #world: World;
  readonly #choices: LockChoices;
  readonly #subject: LockSubject;
  readonly #archive: PackageArchive;
  readonly #downloads: Downloads | undefined;
  /** In the lock's file. */
  readonly #written: Lock | undefined;
  /** Of the last build of this image, in this store. */
  readonly #last: Lock | undefined;
  readonly #taken = new Map<string, readonly Deb[]>();
  /** What all packages are taken from; undefined where the archive's own indexes are asked. */
  #locked: Lock | undefined;
  #settled: SettledArchive | undefined;
  #tools: ToolsRoot | undefined;
  #mirrors: DebianMirrors | undefined;

  private constructor(
    facts: Pick<BuildPackages, 'file' | 'isOffline'>,
    inner: {
      workshop: Workshop;
      world: World;
      choices: LockChoices;
      subject: LockSubject;
      archive: PackageArchive;
      downloads: Downloads | undefined;
      written: Lock | undefined;
      last: Lock | undefined;
      mirrors: DebianMirrors | undefined;
      sources: BuildSources;
    },
  ) {
    this.file = facts.file;
    this.isOffline = facts.isOffline;
    this.#workshop = inner.workshop;
    this.#world = inner.world;
    this.#choices = inner.choices;
    this.#subject = inner.subject;
    this.#archive = inner.archive;
    this.#downloads = inner.downloads;
    this.#written = inner.written;
    this.#last = inner.last;
    this.#mirrors = inner.mirrors;
    this.sources = inner.sources;
  }

  /** Reads the lock, and sees whether it is this image's.
   * @param file Of the lock.
   * @throws {UsageError} `invalid-file`, `no-lock`, `lock-differs`
   */
  static async open(
    blueprint: ImageBlueprint,
    choices: LockChoices,
    file: string,
    workshop: Workshop,
    world: World,
  ): Promise<BuildPackages> {
    const isOffline = choices.offline === true;
    const text = await readLockText(file);
    const found = text === undefined ? undefined : await parseLock(file, text);
    const subject = subjectOf(blueprint);
    const isStrict = choices.locked === true || isOffline;
    if (isStrict && !found) throw new UsageError('no-lock', {file, option: isOffline ? 'no network' : '--locked'});
    const changes = found ? subjectChanges(found.subject, subject) : [];
    if (changes.length > 0 && isStrict) throw new UsageError('lock-differs', {file, changes});
    const written = found?.subject.image === subject.image ? found : undefined;
    if (found && !written) {
      world.emit({type: 'warning', text: `The lock "${file}" is replaced: ${changes.join(', ')}`});
    }
    const last = await readLastLock(subject.image, workshop.store);
    const {mirrors: own, credentials: ofMirrors} = await ownMirrors(world);
    const mirrors = own ?? written?.mirrors;
    const downloads = isOffline ? undefined : await Downloads.open(world, ofMirrors);
    const archive = new PackageArchive(workshop, downloads, mirrors, blueprint.definition.architecture, world);
    const {credentials} = blueprint;
    const sources = new BuildSources({choices, file, written, last, archive, credentials}, workshop, world);
    const packages = new BuildPackages(
      {file, isOffline},
      {
        ...{workshop, world, choices, subject, archive, downloads, written, last, sources},
        mirrors: written?.mirrors ?? own,
      },
    );
    await packages.#honour(changes);
    return packages;
  }

  async #honour(changes: readonly string[]): Promise<void> {
    const lock = this.#written;
    if (!lock || this.#choices.update) return;
    const days = lockAgeDays(lock, Date.now());
    if (days > oldAfterDays) {
      const text = `The lock "${this.file}" is ${days} days old: the vulnerabilities of its packages are kept too; --update moves it`;
      this.#world.emit({type: 'warning', text});
    }
    if (changes.length === 0) this.#locked = lock;
    else if (await this.#archive.pin(lock.archive.suites)) this.#settled = {state: lock.archive};
  }

  /** For the tools root. */
  get toolsSource(): ToolsSource {
    const lock = this.#choices.update ? undefined : this.#written;
    return {
      archive: this.#archive,
      isUpdate: this.#choices.update === true,
      ...(lock ? {locked: lock.tools} : {}),
    };
  }

  /** Mirrors as the image's own apt has them. */
  get mirrors(): DebianMirrors | undefined {
    return this.#mirrors;
  }

  /** Mirrors that the tools root was told of, for a machine that names none. */
  set mirrors(mirrors: DebianMirrors | undefined) {
    this.#mirrors = mirrors;
    this.#archive.mirrors ??= mirrors;
  }

  /** What packages are indexed with; steps are lent none before. */
  set tools(tools: ToolsRoot) {
    this.#tools = tools;
  }

  /** Which state of the archive a release's packages are taken from. */
  async settle(release: string, tools: ToolsRoot): Promise<SettledArchive> {
    if (this.#locked && this.#locked.archive.release !== release) {
      const changes = [`it is of release ${this.#locked.archive.release}, not of ${release}`];
      throw new UsageError('lock-differs', {file: this.file, changes});
    }
    if (this.#locked) return {state: this.#locked.archive};
    if (this.#settled?.state.release !== release) this.#settled = await this.#settleNow(release, tools);
    return this.#settled;
  }

  async #settleNow(release: string, tools: ToolsRoot): Promise<SettledArchive> {
    const state = await this.#archive.stateOf(release);
    const before = this.#written ?? this.#last;
    if (before?.archive.release !== release) return {state};
    if (archiveStateId(before.archive) === archiveStateId(state)) return {state: before.archive};
    const moves = await this.#archive.movesSince(before.packages, state, tools.tree);
    if (moves.length > 0) return {state, reason: `package list moved: ${describeMoves(moves)}`};
    if (subjectChanges(before.subject, this.#subject).length > 0) return {state};
    // The archive moved, but nothing that this image has.
    this.#locked = before;
    return {state: before.archive};
  }

  /** Sees before anything runs that what the lock names can be had.
   * @throws {UsageError} `lock-outdated` when the archive has other packages by now.
   * @throws {HostError} `not-at-hand`, `mirror-unreachable`
   */
  async ready(tools: ToolsRoot): Promise<void> {
    const lock = this.#locked;
    if (!lock) return;
    const gone = await this.#archive.fetchAll(lock.packages);
    if (gone.length === 0) return;
    const now = await this.#archive.stateOf(lock.archive.release);
    const moves = await this.#archive.movesSince(gone, now, tools.tree);
    throw new UsageError('lock-outdated', {file: this.file, moves: describeMoves(moves, gone.length)});
  }

  /** Every package of the lock, in the store afterwards: of the image and of the tools root.
   * @throws as `ready`
   */
  async fetchLocked(): Promise<Lock> {
    const lock = this.#locked;
    if (!lock) throw new UsageError('no-lock', {file: this.file, option: '--locked'});
    const gone = await this.#archive.fetchAll([...lock.packages, ...lock.tools.packages]);
    if (gone.length > 0) throw new UsageError('lock-outdated', {file: this.file, moves: goneWords(gone)});
    return lock;
  }

  /** A lock of an image without a release of Debian's holds none, and says nothing of them. */
  get #lockedPackages(): readonly Deb[] | undefined {
    return this.#locked?.archive.release === noRelease ? undefined : this.#locked?.packages;
  }

  /** Of all that decides what apt's indexes hold. */
  get indexesId(): Sha256 {
    const content = this.#lockedPackages
      ? {
          locked: this.#lockedPackages.map(({sha256, archive, suite, component, path, priority = ''}) => [
            sha256,
            archive,
            suite,
            component,
            path,
            priority,
          ]),
        }
      : {archive: this.#settled ? archiveStateId(this.#settled.state) : undefined};
    return sha256(canonicalJson({...content, mirrors: this.#mirrors}));
  }

  /** Whether all that apt has asked for so far is of the lock, or of the state that was settled. */
  async isSettled(): Promise<boolean> {
    if (this.#lockedPackages) return true;
    const settled = new Set(this.#settled?.state.suites.map(({sha256: digest}) => digest));
    return (await this.#archive.suitesRead()).every(({sha256: digest}) => settled.has(digest));
  }

  /** Packages for one step. */
  lend(): Promise<LentPackages> {
    if (!this.#tools) throw new Error('packages are lent once the tools are known');
    const locked = this.#lockedPackages ? {locked: this.#lockedPackages} : {};
    const options = {mirrors: this.#mirrors, tools: this.#tools.tree, ...locked};
    return lendPackages(this.#archive, options, this.#workshop);
  }

  keepTaken(step: string, debs: readonly Deb[]): void {
    this.#taken.set(step, [...(this.#taken.get(step) ?? []), ...debs]);
  }

  /** What a step took in this build. */
  takenBy(step: string): readonly Deb[] {
    const taken = this.#taken.get(step) ?? [];
    this.#taken.delete(step); // trees share ids of steps
    return taken;
  }

  /** Writes the lock of a finished build, where it isn't as it is already.
   * @param taken By all steps of the image.
   * @param release Of Debian; without one the lock holds no packages of the image.
   */
  async writeLock(taken: readonly Deb[], release: string | undefined): Promise<void> {
    const tools = this.#tools;
    const state = release === undefined ? {suites: []} : (this.#locked?.archive ?? this.#settled?.state);
    if (!tools || !state) throw new Bug('lock-before-build', {file: this.file});
    const sources = await this.sources.settled();
    const {sources: _, ...rest}: Lock = this.#locked ?? {
      subject: this.#subject,
      ...(this.#mirrors ? {mirrors: this.#mirrors} : {}),
      archive: {...state, release: release ?? noRelease},
      packages: release === undefined ? [] : [...new Map(taken.map((deb) => [deb.sha256, deb])).values()],
      tools: {identity: tools.identity, archive: tools.archive, packages: tools.debs},
    };
    const lock: Lock = sources.length > 0 ? {...rest, sources} : rest;
    await this.#workshop.store.writeBuild(lastLockName(this.#subject.image), lock);
    if (this.#choices.locked) return;
    const text = renderLock(lock);
    if ((await readLockText(this.file)) === text) return;
    await writeFileWhole(this.file, text).catch((error: unknown) => {
      throw storeError(error, this.file);
    });
    const moves = this.#written ? packageMoves(this.#written.packages, lock.packages) : [];
    const before = this.#written?.sources ?? [];
    const moved = [
      ...(moves.length > 0 ? [describeMoves(moves, 12)] : []),
      ...sources.flatMap((source) => sourceMove(before, source) ?? []),
    ];
    const what = !this.#written
      ? 'written'
      : moved.length === 0
        ? 'follows what changed'
        : `moved: ${moved.join(', ')}`;
    this.#world.emit({type: 'note', text: `lock ${this.file} ${what}`});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#downloads?.[Symbol.asyncDispose]();
  }
}

function goneWords(gone: readonly Deb[]): string {
  return gone.map(({name, version}) => `${name} ${version} is gone`).join(', ');
}
