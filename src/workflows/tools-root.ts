import {mkdir} from 'node:fs/promises';
import {archiveStateId, type Deb} from '../archive/index.js';
import {
  Bug,
  canonicalJson,
  type DebianMirrors,
  debianSourceLines,
  describeEnd,
  HostError,
  isDiskFull,
  lastLines,
  type Outcome,
  readFileIfThere,
  type Sha256,
  sha256,
  type World,
} from '../base/index.js';
import {describeMoves, type Lock, type ReleaseState} from '../lock/index.js';
import {enter, type Mount, ownByNamespace, type SandboxSpec, type Tree} from '../sandbox/index.js';
import type {StoredResult} from '../store/index.js';
import {Downloads} from './download.js';
import {type LentPackages, lendPackages} from './lend-packages.js';
import {ownMirrors} from './own-mirrors.js';
import {PackageArchive} from './package-archive.js';
import {isMirrorTrouble} from './package-trouble.js';
import type {Workshop} from './workshop.js';

/** Release that the tools come from, whatever the guest's: its e2fsprogs (from 1.47.1 on) writes the same file system
 * from the same files, and its QEMU emulates without the faults of older ones. */
const toolsRelease = 'trixie';

/** What each root is for. `elements` has what hooks of foreign elements call outside; `proof` the control plane of a boot proof
 * and the clients that ask its database. */
const packages = {
  assembly: [
    ...['mmdebstrap', 'apt-utils', 'ca-certificates', 'debian-archive-keyring', 'mount', 'python3-yaml', 'zstd'],
    ...['e2fsprogs', 'fdisk', 'dosfstools', 'mtools', 'qemu-utils', 'xorriso', 'libarchive13t64', 'squashfs-tools'],
    ...['grub-common', 'grub-pc-bin', 'grub-efi-amd64-signed', 'shim-signed'],
  ],
  elements: ['curl', 'git', 'gpg', 'rsync'],
  machines: ['qemu-system-x86', 'ovmf', 'seabios'],
  proof: ['rabbitmq-server', 'python3-trove', 'mariadb-client-core', 'iproute2'],
} as const;

/** The root that each stands on. */
const standsOn = {elements: 'assembly', machines: 'assembly', proof: 'machines'} as const;

export type ToolsPurpose = keyof typeof packages;

/** A small root file system with the programs that builds and boots use, so that neither depends on this machine's. */
export interface ToolsRoot {
  /** To be a sandbox's root; changes are discarded. */
  readonly tree: Tree;
  /** Digest of the packages with their versions: part of every step's key. */
  readonly identity: Sha256;
  /** Its package files, and the state of the archive that they are from. */
  readonly debs: readonly Deb[];
  readonly archive: ReleaseState;
}

interface RootFacts {
  /** Names and versions, a line each. */
  readonly packages: string;
  /** Of the root itself, without those below it. */
  readonly debs: readonly Deb[];
  readonly archive: ReleaseState;
}

/** Where the tools root's packages come from. */
export interface ToolsSource {
  readonly archive: PackageArchive;
  /** The root has to consist of these. */
  readonly locked?: Lock['tools'];
  /** Packages that have moved since are taken anew. */
  readonly isUpdate: boolean;
}

/** The tools root for a purpose, from the store or made now (about a minute, network needed).
 * @throws {HostError} `mirror-unreachable`, `command-failed`, `disk-full`, `missing-tool`, `not-at-hand`
 */
export async function ensureToolsRoot(
  purpose: ToolsPurpose,
  workshop: Workshop,
  world: World,
  source?: ToolsSource,
): Promise<ToolsRoot> {
  if (!source) {
    const {mirrors, credentials} = await ownMirrors(world);
    await using downloads = await Downloads.open(world, credentials);
    const archive = new PackageArchive(workshop, downloads, mirrors, machine(), world);
    return await ensureToolsRoot(purpose, workshop, world, {archive, isUpdate: false});
  }
  const roots: StoredResult<RootFacts>[] = [];
  for (const each of rootsOf(purpose)) {
    // What boots an image shapes no bytes of it, and is in no lock.
    const isLocked = each === 'assembly' || each === 'elements';
    const from = isLocked ? source : {archive: source.archive, isUpdate: false};
    roots.unshift(await ensureRoot(each, [...roots], workshop, world, from));
  }
  const [top, assembly] = [roots[0], roots.at(-1)];
  if (!top || !assembly) throw new Bug('no-tools-root', {purpose});
  const {archive} = assembly.facts;
  const debs = roots.flatMap(({facts}) => facts.debs);
  if (source.locked && sha256(top.facts.packages) !== source.locked.identity) {
    throw new HostError('tools-not-as-locked', {
      differences: listDifferences(source.locked.packages, top.facts.packages),
    });
  }
  return {
    tree: {layers: roots.map(({folder}) => `${folder}/tree`), changes: 'discarded'},
    identity: sha256(top.facts.packages),
    archive,
    debs,
  };
}

/** A purpose's roots, the lowest first. */
function rootsOf(purpose: ToolsPurpose): ToolsPurpose[] {
  return purpose === 'assembly' ? [purpose] : [...rootsOf(standsOn[purpose]), purpose];
}

/** This machine's architecture, as Debian names it. */
export function machine(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

/** Which root of a purpose is the present one. */
interface PresentRoot {
  readonly key: Sha256;
  /** Instance of the root that it is on. */
  readonly below: string | undefined;
}

async function ensureRoot(
  purpose: ToolsPurpose,
  below: readonly StoredResult<RootFacts>[],
  workshop: Workshop,
  world: World,
  source: ToolsSource,
): Promise<StoredResult<RootFacts>> {
  const find = () => findRoot(purpose, below, workshop, source);
  const known = await find();
  if (typeof known !== 'string') return known;
  await using _lock = await workshop.store.lock(sha256(`tools ${purpose}`), 'the tools root', world.signal);
  const reason = await find();
  if (typeof reason !== 'string') return reason;

  const step = `tools/${purpose}`;
  world.emit({type: 'step started', step, reason});
  const startedAt = performance.now();
  const result = await makeRoot(purpose, below, workshop, world, source);
  world.emit({type: 'step finished', step, reason, durationMs: performance.now() - startedAt});
  return result;
}

/** @returns The root that is wanted, or why it has to be made. */
async function findRoot(
  purpose: ToolsPurpose,
  below: readonly StoredResult<RootFacts>[],
  {store}: Workshop,
  {archive, locked, isUpdate}: ToolsSource,
): Promise<StoredResult<RootFacts> | string> {
  if (locked) {
    const found = await store.find<RootFacts>('roots', rootKey(purpose, below, locked.identity));
    return found ?? 'the lock has another one';
  }
  const present = await store.readBuild<PresentRoot>(`tools-${purpose}`);
  const found = present && (await store.find<RootFacts>('roots', present.key));
  if (!found || present?.below !== below[0]?.instance) return 'not built before';
  if (!isUpdate) return found;
  const now = await archive.stateOf(toolsRelease);
  if (archiveStateId(now) === archiveStateId(found.facts.archive)) return found;
  const tree: Tree = {layers: [`${found.folder}/tree`], changes: 'discarded'};
  const moves = await archive.movesSince(found.facts.debs, now, tree);
  return moves.length === 0 ? found : `package list moved: ${describeMoves(moves)}`;
}

function rootKey(purpose: ToolsPurpose, below: readonly StoredResult<RootFacts>[], identity: Sha256): Sha256 {
  return sha256(canonicalJson({form: 2, purpose, packages: packages[purpose], below: below[0]?.instance, identity}));
}

async function makeRoot(
  purpose: ToolsPurpose,
  below: readonly StoredResult<RootFacts>[],
  workshop: Workshop,
  world: World,
  source: ToolsSource,
): Promise<StoredResult<RootFacts>> {
  const {store} = workshop;
  const staged = await workshop.work.newFolder();
  const layers = below.map(({folder}) => `${folder}/tree`);
  const facts = await fillRoot(purpose, layers, staged, workshop, world, source);
  const {locked} = source;
  const identity = locked?.identity ?? sha256(facts.packages);
  const key = rootKey(purpose, below, identity);
  const result = await store.commit('roots', key, staged, facts, {on: below.slice(0, 1).map(({instance}) => instance)});
  const present = await store.readBuild<PresentRoot>(`tools-${purpose}`);
  if (!locked || !present)
    await store.writeBuild(`tools-${purpose}`, {key, below: below[0]?.instance} satisfies PresentRoot);
  return result;
}

/** @param list Names and versions, a line each. */
function listDifferences(locked: readonly Deb[], list: string): string[] {
  const named = (names: Iterable<string>) => new Set(names);
  const wanted = named(locked.map(({name, version}) => `${name} ${version}`));
  const found = named(
    list
      .trim()
      .split('\n')
      .map((line) => line.replace(/(:\w+)?\t/, ' ')),
  );
  const missing = [...wanted].filter((item) => !found.has(item)).map((item) => `${item} is missing`);
  const added = [...found].filter((item) => !wanted.has(item)).map((item) => `${item} is not in the lock`);
  return [...missing, ...added];
}

/** Makes `<staged>/tree`. */
async function fillRoot(
  purpose: ToolsPurpose,
  layers: readonly string[],
  staged: string,
  workshop: Workshop,
  world: World,
  {archive, locked}: ToolsSource,
): Promise<RootFacts> {
  const logFolder = workshop.store.logFolder('tools');
  await mkdir(logFolder, {recursive: true});
  const logFile = `${logFolder}/${purpose}.log`;
  const {mirrors} = archive;
  const tools: Tree = {layers: ['/'], changes: 'none'};
  await using lent = await lendPackages(
    archive,
    {mirrors, tools, ...(locked ? {locked: locked.packages} : {})},
    workshop,
  );
  const spec =
    purpose === 'assembly'
      ? await bootstrapSpec(staged, lent, mirrors)
      : installSpec(packages[purpose], layers, staged, lent);
  const outcome = await enter(spec, workshop.sandboxes, {
    signal: world.signal,
    logFile,
    onLine: (line) => world.emit({type: 'output', source: spec.name, line}),
  });
  if (outcome.exitCode !== 0) {
    throw lent.trouble(`the tools root "${purpose}"`) ?? rootError(purpose, outcome, logFile, workshop.store.folder);
  }
  const whole = [`${staged}/tree`, ...layers];
  return {
    packages: await listPackages(whole, workshop, world),
    debs: await lent.taken({layers: whole, changes: 'discarded'}),
    archive: locked?.archive ?? (await archive.pinned(toolsRelease)),
  };
}

const rootEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  INITRD: 'No',
};

const lean = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/info/*'];

/** This machine's mmdebstrap, with its file system read-only below, fills a folder. */
async function bootstrapSpec(
  staged: string,
  lent: LentPackages,
  mirrors: DebianMirrors | undefined,
): Promise<SandboxSpec> {
  await mkdir(`${staged}/tree`);
  await ownByNamespace(`${staged}/tree`);
  const sources = debianSourceLines(toolsRelease, mirrors);
  return {
    name: 'tools-root',
    root: {layers: ['/'], changes: 'none'},
    mounts: [
      {kind: 'tmpfs', at: '/tmp'},
      {kind: 'bind', at: '/mnt', from: `${staged}/tree`, readOnly: false},
      {kind: 'bind', at: '/srv', from: lent.archives, readOnly: false},
      ...lent.mounts(''),
      ...lent.methodMounts(),
    ],
    network: 'none',
    ids: 'mapped',
    env: {...rootEnvironment, PATH: `${lent.programs}:${rootEnvironment.PATH}`},
    cwd: '/',
    argv: [
      ...['mmdebstrap', '--mode=root', '--variant=minbase', '--format=directory'],
      '--skip=check/empty,essential/unlink,cleanup/apt/cache,chroot/mount/sys,output/mknod',
      `--include=${packages.assembly.join(',')}`,
      ...lean.map((glob) => `--dpkgopt=path-exclude=${glob}`),
      '--dpkgopt=force-unsafe-io',
      '--aptopt=Apt::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      '--setup-hook=mkdir -p "$1/var/cache/apt/archives" && mount --bind /srv "$1/var/cache/apt/archives"',
      '--customize-hook=umount "$1/var/cache/apt/archives"',
      ...[toolsRelease, '/mnt', ...sources],
    ],
  };
}

/** The root's own apt adds packages in a layer above it. */
function installSpec(
  names: readonly string[],
  layers: readonly string[],
  staged: string,
  lent: LentPackages,
): SandboxSpec {
  // Packages of services start nothing (invoke-rc.d asks this program).
  const refusal = '/usr/sbin/policy-rc.d';
  const script = [
    'set -eu',
    `printf '#!/bin/sh\\nexit 101\\n' > ${refusal}`,
    `chmod 755 ${refusal}`,
    'apt-get update',
    'apt-get install --yes --no-install-recommends "$@"',
    `rm -rf ${refusal} /var/lib/apt/lists/*`,
  ].join('\n');
  return {
    name: 'tools-packages',
    root: {layers, changes: {keptIn: staged}},
    mounts: [{kind: 'bind', at: '/var/cache/apt/archives', from: lent.archives, readOnly: false}, ...lent.mounts('')],
    network: 'none',
    ids: 'mapped',
    env: {...rootEnvironment, ...lent.env},
    cwd: '/',
    argv: ['sh', '-c', script, 'install', ...names],
  };
}

async function listPackages(layers: readonly string[], workshop: Workshop, world: World): Promise<string> {
  const outcome = await enter(
    {
      name: 'tools-list',
      root: {layers, changes: 'discarded'},
      mounts: [],
      network: 'none',
      ids: 'mapped',
      env: rootEnvironment,
      cwd: '/',
      argv: ['dpkg-query', '--show'],
    },
    workshop.sandboxes,
    {signal: world.signal},
  );
  return outcome.stdout;
}

/** The proxies of this machine, which programs with network use. */
export function proxies(world: World): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (world.env[name] ? [[name, world.env[name]]] : [])));
}

const resolverFile = '/etc/resolv.conf';

/** This machine's resolver configuration; undefined where there is none, since a proxy or /etc/hosts does without. */
export function readResolver(): Promise<string | undefined> {
  return readFileIfThere(resolverFile);
}

/** The resolver configuration, for a root of tools with network. */
export async function resolverMounts(): Promise<Mount[]> {
  if ((await readResolver()) === undefined) return [];
  return [{kind: 'bind', at: resolverFile, from: resolverFile, readOnly: true}];
}

function rootError(purpose: ToolsPurpose, outcome: Outcome, log: string, store: string): HostError {
  const output = lastLines(outcome.stderr, 15);
  const doing = `the tools root "${purpose}"`;
  if (isDiskFull(outcome.stderr)) return new HostError('disk-full', {doing, path: store});
  if (isMirrorTrouble(outcome.stderr)) return new HostError('mirror-unreachable', {doing, log});
  return new HostError('command-failed', {
    doing,
    command: purpose === 'assembly' ? 'mmdebstrap' : 'apt-get',
    outcome: describeEnd(outcome),
    output,
  });
}
