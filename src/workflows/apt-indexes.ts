import {lstat, readdir, rm} from 'node:fs/promises';
import {
  canonicalJson,
  describeEnd,
  HostError,
  kindWithin,
  type Outcome,
  readFileWithin,
  type Sha256,
  sha256,
  type World,
} from '../base/index.js';
import {enter} from '../sandbox/index.js';
import {removeTree} from '../store/index.js';
import type {BuildPackages} from './build-packages.js';
import {findOrMake} from './find-or-make.js';
import type {Workshop} from './workshop.js';

const lists = 'var/lib/apt/lists';
const cache = 'var/cache/apt';
/** apt reads it in place of the lists, as long as these are the same. */
const sourceCache = 'srcpkgcache.bin';

/** apt's indexes as a layer of their own, put between a tree and the changes of a step that has packages lent. What they hold
 * depends on whether there is a lock, so they are in no step's result: every step finds them as after `apt-get update`.
 */
export class AptIndexes {
  readonly #workshop: Workshop;
  readonly #packages: BuildPackages;
  readonly #logFolder: string;
  readonly #world: World;
  readonly #made = new Map<Sha256, Promise<IndexLayer>>();

  constructor(workshop: Workshop, packages: BuildPackages, logFolder: string, world: World) {
    this.#workshop = workshop;
    this.#packages = packages;
    this.#logFolder = logFolder;
    this.#world = world;
  }

  /** The layer for a tree; without a folder where its apt has no sources, or where there is no apt. */
  async for(layers: readonly string[]): Promise<IndexLayer> {
    if ((await topKind(layers, 'usr/bin/apt-get')) !== 'file') return {};
    const settings = await aptSettings(layers);
    if (!settings.hasSources) return {};
    const key = sha256(canonicalJson({form: 2, settings: settings.id, packages: this.#packages.indexesId}));
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#findOrMake(key, layers, settings);
    this.#made.set(key, made);
    return made;
  }

  async #findOrMake(key: Sha256, layers: readonly string[], settings: AptSettings): Promise<IndexLayer> {
    let trouble: unknown;
    let isThere = true;
    const make = async (staged: string) => {
      const update = await this.#update(key, layers, staged);
      trouble = update.trouble;
      isThere = await keepIndexes(staged);
      // The key doesn't know what other archives had.
      const isKnown = !settings.hasLocalSources && (await this.#packages.isSettled());
      return {facts: {}, isKept: isThere && update.isWhole && isKnown};
    };
    const what = 'the indexes of packages';
    const {folder} = await findOrMake('indexes', key, what, this.#workshop, this.#world, make);
    return isThere ? {folder: `${folder}/tree`, trouble} : {trouble};
  }

  /** Some indexes may not be had yet: one hook adds an archive, a later one its key. Whether a step needs them shows when it
   * runs; that they are missing is told at once, in apt's words.
   */
  async #update(key: Sha256, layers: readonly string[], staged: string): Promise<{isWhole: boolean; trouble: unknown}> {
    await using lent = await this.#packages.lend();
    const doing = 'reading the indexes of packages';
    const log = `${this.#logFolder}/engine.package-indexes.${key.slice(0, 8)}.log`;
    await rm(log, {force: true});
    const outcome = await enter(
      {
        name: 'image',
        root: {layers, changes: {keptIn: staged}},
        mounts: lent.mounts(''),
        network: 'none',
        ids: 'mapped',
        env: {...updateEnvironment, ...lent.env},
        cwd: '/',
        argv: ['apt-get', '--quiet', 'update'],
      },
      this.#workshop.sandboxes,
      {
        signal: this.#world.signal,
        timeoutMs: this.#workshop.conditions.hookTimeoutMs,
        logFile: log,
        onLine: (line) => this.#world.emit({type: 'output', source: 'engine/package-indexes', line}),
      },
    );
    const problem = aptProblem(outcome);
    if (problem === undefined) return {isWhole: true, trouble: undefined};
    this.#world.emit({type: 'warning', text: `Not all indexes of packages were read: ${problem} (${log})`});
    return {isWhole: false, trouble: lent.trouble(doing) ?? new HostError('mirror-unreachable', {doing, problem, log})};
  }
}

/** What apt says of an update that isn't whole: where a fetch failed it may have done with what it got, and ends well.
 * @see apt-get(8); messages of apt 2.6 to 3.0
 */
export function aptProblem(outcome: Outcome): string | undefined {
  const said = `${outcome.stdout}\n${outcome.stderr}`.split('\n');
  const problems = said.filter((line) =>
    /^(E:|W: (Failed to fetch|Some index files|GPG error|An error occurred))/.test(line),
  );
  if (outcome.exitCode === 0 && problems.length === 0) return undefined;
  return problems.slice(0, 3).join('; ') || `apt-get ${describeEnd(outcome)}`;
}

/** `folder` is a layer with nothing but apt's indexes. */
export interface IndexLayer {
  readonly folder?: string;
  /** Why some aren't there: an error. */
  readonly trouble?: unknown;
}

const updateEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
};

/** The kind of what a path is in a tree. Links on the way aren't followed. */
async function topKind(layers: readonly string[], path: string): Promise<string> {
  for (const layer of layers) {
    const kind = await kindWithin(layer, path);
    if (kind !== 'nothing') return kind;
  }
  return 'nothing';
}

/** What decides which indexes apt reads: its settings as the layers have them, those of fetching alone where they can be told
 * apart; and how its folders look, since the layer has them too.
 */
interface AptSettings {
  readonly id: Sha256;
  readonly hasSources: boolean;
  /** Archives in files, `file:` or `copy:`, whose content the key doesn't know. */
  readonly hasLocalSources: boolean;
}

async function aptSettings(layers: readonly string[]): Promise<AptSettings> {
  const found: unknown[] = [];
  let hasSources = false;
  let hasLocalSources = false;
  for (const layer of layers) {
    const ofLayer: unknown[] = [];
    for (const path of ['etc/apt', 'etc/apt/apt.conf.d', ...settingFolders]) {
      const kind = await kindWithin(layer, path);
      if (kind === 'other' || kind === 'file') ofLayer.push([path, kind]); // overlayfs' mark of what was removed
      if (kind !== 'folder') continue;
      for (const name of (await readdir(`${layer}/${path}`)).sort()) {
        const text = await readFileWithin(layer, `${path}/${name}`);
        if (path.startsWith('etc/apt/sources.list.d') || name === 'sources.list') {
          hasSources ||= isSource(text);
          hasLocalSources ||= isLocalSource(text);
        }
        if (path === 'etc/apt/apt.conf.d' && text !== undefined && !aboutFetching.test(text)) continue;
        if (text !== undefined) ofLayer.push([path, name, sha256(text)]);
        else if ((await kindWithin(layer, `${path}/${name}`)) === 'other') ofLayer.push([path, name]);
      }
    }
    const architectures = await readFileWithin(layer, 'var/lib/dpkg/arch');
    if (architectures !== undefined) ofLayer.push(['var/lib/dpkg/arch', sha256(architectures)]);
    if (ofLayer.length > 0) found.push(ofLayer);
  }
  const folders = await Promise.all(folderPaths.map((path) => lookOf(layers, path)));
  return {id: sha256(canonicalJson({found, folders})), hasSources, hasLocalSources};
}

const settingFolders = [
  ...['sources.list.d', 'trusted.gpg.d', 'keyrings', 'auth.conf.d'].map((name) => `etc/apt/${name}`),
  'usr/share/keyrings',
];
const aboutFetching = /Acquire|Architecture|Dir\b|Update|DefaultSection/i;

function isSource(text: string | undefined): boolean {
  return text !== undefined && /^\s*(deb|Types:)/m.test(text);
}

function isLocalSource(text: string | undefined): boolean {
  return text !== undefined && /^[^#]*\b(file|copy|cdrom):/m.test(text);
}

const folderPaths = ['var', 'var/lib', 'var/lib/apt', 'var/cache', 'var/cache/apt'];

async function lookOf(layers: readonly string[], path: string): Promise<unknown> {
  for (const layer of layers) {
    if ((await kindWithin(layer, path)) !== 'folder') continue;
    const {mode, uid, gid} = await lstat(`${layer}/${path}`);
    return [mode, uid, gid];
  }
  return [];
}

/** Leaves of an update's changes what apt reads, and nothing else.
 * @returns Whether there is something to read.
 */
async function keepIndexes(staged: string): Promise<boolean> {
  const tree = `${staged}/tree`;
  const paths = [`${staged}/work`];
  for (const [folder, kept] of [
    ['', ['var']],
    ['var', ['lib', 'cache']],
    ['var/lib', ['apt']],
    ['var/cache', ['apt']],
    ['var/lib/apt', ['lists']],
    [cache, [sourceCache]],
  ] as const) {
    paths.push(...(await othersIn(tree, folder, kept)));
  }
  const isThere = (await kindWithin(tree, lists)) === 'folder';
  if (isThere) paths.push(`${tree}/${lists}/lock`, `${tree}/${lists}/partial`);
  await removeTree(...paths);
  return isThere;
}

/** Takes apt's indexes, and what it made of them, out of a step's changes.
 * @param tree Not trusted.
 */
export async function dropIndexes(tree: string): Promise<void> {
  const caches = (await kindWithin(tree, cache)) === 'folder' ? await readdir(`${tree}/${cache}`) : [];
  const paths = [
    ...(await othersIn(tree, lists, [])),
    ...caches
      .filter((name) => name === 'pkgcache.bin' || name === sourceCache)
      .map((name) => `${tree}/${cache}/${name}`),
  ];
  // As many as a command line takes, however many a hook made.
  for (let i = 0; i < paths.length; i += 1000) await removeTree(...paths.slice(i, i + 1000));
}

/** What is in a folder beside the names given; nothing where there is no folder. */
async function othersIn(tree: string, folder: string, kept: readonly string[]): Promise<string[]> {
  if ((await kindWithin(tree, folder)) !== 'folder') return [];
  const path = `${tree}/${folder}`;
  return (await readdir(path)).filter((name) => !kept.includes(name)).map((name) => `${path}/${name}`);
}
