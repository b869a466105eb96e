import {
  canonicalJson,
  compareCodePoints,
  HostError,
  readFileIfThere,
  type Sha256,
  UsageError,
  type World,
} from '../base/index.js';
import {type Credentials, credentialsFor, type Source, separateCredentials} from '../element/index.js';
import {type Lock, type LockedSource, sourceMove} from '../lock/index.js';
import type {PackageArchive} from './package-archive.js';
import {goneSource, lendSources, pinSource} from './settle-sources.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** Where one build's sources are told. */
interface SourceFacts {
  readonly choices: {readonly locked?: boolean; readonly update?: boolean};
  /** Of the lock. */
  readonly file: string;
  readonly written: Lock | undefined;
  readonly last: Lock | undefined;
  readonly archive: PackageArchive;
  readonly credentials: readonly Credentials[];
}

/** The sources of one build: from the lock that there is, or as they are now. */
export class BuildSources {
  readonly #workshop: Workshop;
  readonly #world: World;
  readonly #choices: SourceFacts['choices'];
  readonly #file: string;
  /** In the lock's file. */
  readonly #written: Lock | undefined;
  /** Of the last build of this image, in this store. */
  readonly #last: Lock | undefined;
  readonly #archive: PackageArchive;
  readonly #credentials: Credentials[];
  #netrc: Promise<string> | undefined;
  /** By all that was asked for. */
  readonly #settled = new Map<string, Promise<LockedSource | undefined>>();

  constructor(facts: SourceFacts, workshop: Workshop, world: World) {
    this.#workshop = workshop;
    this.#world = world;
    this.#choices = facts.choices;
    this.#file = facts.file;
    this.#written = facts.written;
    this.#last = facts.last;
    this.#archive = facts.archive;
    this.#credentials = [...facts.credentials];
  }

  /** What the sources of a tree are: as the lock has them, or as they are now. Those that no lock can hold are left out.
   * @throws {UsageError} `lock-differs`
   * @throws {HostError} `not-at-hand`, `source-unreachable`
   */
  async settle(wanted: readonly Source[], tools: ToolsRoot): Promise<LockedSource[]> {
    const settled = await Promise.all(
      wanted.map((source) => {
        const key = canonicalJson(source);
        const pinned = this.#settled.get(key) ?? this.#settleOne(source, tools);
        this.#settled.set(key, pinned);
        return pinned;
      }),
    );
    return settled.filter((source) => source !== undefined);
  }

  async #settleOne(wanted: Source, tools: ToolsRoot): Promise<LockedSource | undefined> {
    const {locked, update} = this.#choices;
    const {address: location, credentials} = separateCredentials(wanted.location);
    if (credentials) {
      this.#credentials.push(credentials);
      const text = `An element has the user and password for the source "${wanted.name}" in its own files, where bundles have them too: they belong into ~/.netrc`;
      this.#world.emit({type: 'warning', text});
    }
    const source = {...wanted, location};
    const {name, type, ref} = source;
    const known = this.#written?.sources?.find(
      (one) => one.name === name && one.type === type && isAt(location, one) && (one.ref ?? '') === ref,
    );
    if (known && !update) return {...known, location};
    if (!this.#archive.isOnline) throw new HostError('not-at-hand', {files: [`${name} (${location})`]});
    const access = await this.#accessTo(location);
    const pinned = await pinSource(source, access, this.#archive, this.#workshop, tools, this.#world);
    if (locked && pinned) {
      throw new UsageError('lock-differs', {
        file: this.#file,
        changes: [`source ${name} is new, or asked for differently`],
      });
    }
    return pinned;
  }

  /** What its server is to be told, of what variables and elements say, and ~/.netrc. */
  async #accessTo(location: string): Promise<Credentials | undefined> {
    const {HOME} = this.#world.env;
    this.#netrc ??= HOME ? readFileIfThere(`${HOME}/.netrc`).then((text) => text ?? '') : Promise.resolve('');
    return credentialsFor(location, this.#credentials, await this.#netrc);
  }

  /** Why a source's step runs, when the source moved since the lock or the last build. */
  reason(source: LockedSource): string | undefined {
    const moved = sourceMove((this.#written ?? this.#last)?.sources ?? [], source);
    return moved && `source moved: ${moved}`;
  }

  /** For the hook that fetches sources. */
  lend(sources: readonly LockedSource[]) {
    return lendSources(sources, (location) => this.#accessTo(location), this.#archive, this.#file);
  }

  /** Why a hook that fetches sources failed, where it is that a lock's commit is gone. */
  gone(printed: string, sources: readonly LockedSource[]): UsageError | undefined {
    return goneSource(printed, sources, this.#file);
  }

  /** The files that a lock names as sources, in the store afterwards. */
  async lockedFiles({sources = []}: Lock): Promise<{readonly sha256: Sha256; readonly sizeBytes: number}[]> {
    const files = sources.filter(({type}) => type !== 'git');
    const {sizes} = await this.lend(files);
    return sizes;
  }

  /** All that were settled so far, in the order of their names. */
  async settled(): Promise<LockedSource[]> {
    const settled = await Promise.all(this.#settled.values());
    return settled.filter((source) => source !== undefined).sort((a, b) => compareCodePoints(a.name, b.name));
  }
}

/** Locks of former versions may have credentials in their addresses. */
function isAt(location: string, source: LockedSource): boolean {
  return separateCredentials(source.location).address === location;
}
