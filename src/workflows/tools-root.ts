import {mkdir} from 'node:fs/promises';
import {
  canonicalJson,
  debianSourceLines,
  describeEnd,
  findDebianMirrors,
  HostError,
  lastLines,
  type Outcome,
  readFileIfThere,
  type Sha256,
  sha256,
  type World,
} from '../base/index.js';
import {enter, type Mount, ownByNamespace, type SandboxSpec, type Tree} from '../sandbox/index.js';
import {borrowDebs, type StoredResult} from '../store/index.js';
import {isDiskFull, isMirrorTrouble} from './package-trouble.js';
import type {Workshop} from './workshop.js';

/** Release that the tools come from, whatever the guest's: its e2fsprogs (from 1.47.1 on) writes the same file system
 * from the same files, and its QEMU emulates without the faults of older ones. */
const toolsRelease = 'trixie';

/** What each root is for; the others stand on `assembly`. `elements` has what hooks of foreign elements call outside. */
const packages = {
  assembly: [
    ...['mmdebstrap', 'apt-utils', 'ca-certificates', 'debian-archive-keyring', 'mount', 'python3-yaml', 'zstd'],
    ...['e2fsprogs', 'fdisk', 'dosfstools', 'mtools', 'qemu-utils', 'xorriso', 'libarchive13t64', 'squashfs-tools'],
    ...['grub-common', 'grub-pc-bin', 'grub-efi-amd64-signed', 'shim-signed'],
  ],
  elements: ['curl', 'git', 'gpg', 'rsync'],
  machines: ['qemu-system-x86', 'ovmf', 'seabios'],
} as const;

export type ToolsPurpose = keyof typeof packages;

/** A small root file system with the programs that builds and boots use, so that neither depends on this machine's. */
export interface ToolsRoot {
  /** To be a sandbox's root; changes are discarded. */
  readonly tree: Tree;
  /** Digest of the packages with their versions: part of every step's key. */
  readonly identity: Sha256;
}

interface RootFacts {
  readonly packages: string;
}

/** The tools root for a purpose, from the store or made now (about a minute, network needed).
 * @throws {HostError} `mirror-unreachable`, `command-failed`, `disk-full`, `missing-tool`
 */
export async function ensureToolsRoot(purpose: ToolsPurpose, workshop: Workshop, world: World): Promise<ToolsRoot> {
  const assembly = await ensureRoot('assembly', [], workshop, world);
  const roots =
    purpose === 'assembly' ? [assembly] : [await ensureRoot(purpose, [assembly], workshop, world), assembly];
  return {
    tree: {layers: roots.map(({folder}) => `${folder}/tree`), changes: 'discarded'},
    identity: sha256(roots[0]?.facts.packages ?? ''),
  };
}

async function ensureRoot(
  purpose: ToolsPurpose,
  below: readonly StoredResult<RootFacts>[],
  workshop: Workshop,
  world: World,
): Promise<StoredResult<RootFacts>> {
  const {store} = workshop;
  const key = sha256(
    canonicalJson({form: 1, packages: packages[purpose], toolsRelease, below: below.map((b) => b.key)}),
  );
  const known = await store.find<RootFacts>('roots', key);
  if (known) return known;
  await using _lock = await store.lock(key, 'the tools root', world.signal);
  const madeMeanwhile = await store.find<RootFacts>('roots', key);
  if (madeMeanwhile) return madeMeanwhile;

  const step = `tools/${purpose}`;
  const reason = 'not built before';
  world.emit({type: 'step started', step, reason});
  const startedAt = performance.now();
  const staged = await workshop.work.newFolder();
  const layers = below.map(({folder}) => `${folder}/tree`);
  const facts = {packages: await fillRoot(purpose, layers, staged, workshop, world)};
  const result = await store.commit('roots', key, staged, facts);
  world.emit({type: 'step finished', step, reason, durationMs: performance.now() - startedAt});
  return result;
}

/** Makes `<staged>/tree`.
 * @returns The packages in it with their versions, a line each.
 */
async function fillRoot(
  purpose: ToolsPurpose,
  layers: readonly string[],
  staged: string,
  workshop: Workshop,
  world: World,
): Promise<string> {
  const debs = await borrowDebs(workshop.store, workshop.work, ownByNamespace);
  const logFolder = workshop.store.logFolder('tools');
  await mkdir(logFolder, {recursive: true});
  const logFile = `${logFolder}/${purpose}.log`;
  const spec =
    purpose === 'assembly'
      ? await bootstrapSpec(staged, debs.folder, world)
      : await installSpec(packages[purpose], layers, staged, debs.folder, world);
  const outcome = await enter(spec, workshop.sandboxes, {
    signal: world.signal,
    logFile,
    onLine: (line) => world.emit({type: 'output', source: spec.name, line}),
  });
  if (outcome.exitCode !== 0) throw rootError(purpose, outcome, logFile, workshop.store.folder);
  await debs.giveBack();
  return listPackages([`${staged}/tree`, ...layers], workshop, world);
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
async function bootstrapSpec(staged: string, debs: string, world: World): Promise<SandboxSpec> {
  await mkdir(`${staged}/tree`);
  await ownByNamespace(`${staged}/tree`);
  const sources = debianSourceLines(toolsRelease, await findDebianMirrors(world.env));
  return {
    name: 'tools-root',
    root: {layers: ['/'], changes: 'none'},
    mounts: [
      {kind: 'tmpfs', at: '/tmp'},
      {kind: 'bind', at: '/mnt', from: `${staged}/tree`, readOnly: false},
      {kind: 'bind', at: '/srv', from: debs, readOnly: false},
    ],
    network: 'host',
    ids: 'mapped',
    env: {...rootEnvironment, ...proxies(world)},
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
async function installSpec(
  names: readonly string[],
  layers: readonly string[],
  staged: string,
  debs: string,
  world: World,
): Promise<SandboxSpec> {
  const script = 'apt-get update && apt-get install --yes --no-install-recommends "$@" && rm -rf /var/lib/apt/lists/*';
  return {
    name: 'tools-packages',
    root: {layers, changes: {keptIn: staged}},
    mounts: [{kind: 'bind', at: '/var/cache/apt/archives', from: debs, readOnly: false}, ...(await resolverMounts())],
    network: 'host',
    ids: 'mapped',
    env: {...rootEnvironment, ...proxies(world)},
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
