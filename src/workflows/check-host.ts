import {constants} from 'node:fs';
import {access, statfs} from 'node:fs/promises';
import {totalmem} from 'node:os';
import {dirname} from 'node:path';
import {findDebianMirrors, HostError, run, systemErrorCode, type World} from '../base/index.js';
import {needsOwnNamespace, openOwnNamespace, openUserNamespace} from '../sandbox/index.js';
import {readKvmFinding} from './kvm-finding.js';

/** One thing that trovestack needs of this machine. */
export interface HostFinding {
  readonly name: string;
  readonly state: 'good' | 'poor' | 'missing';
  /** What was found. */
  readonly found: string;
  /** What to do about it, when something is to be done. */
  readonly next?: string;
}

/** Programs of the host that trovestack runs, the package each comes in, and what for. */
const programs: readonly (readonly [program: string, debianPackage: string, purpose: string])[] = [
  ['mmdebstrap', 'mmdebstrap', 'makes the first root file systems'],
  ['unshare', 'util-linux', 'enters namespaces'],
  ['nsenter', 'util-linux', 'enters a running devcloud'],
  ['setpriv', 'util-linux', 'ends programs when trovestack dies'],
  ['flock', 'util-linux', 'keeps two builds from the same step'],
  ['ip', 'iproute2', "lays the devcloud's network"],
];

/** Those that only an ordinary user's builds run. */
const userPrograms: typeof programs = [
  ['newuidmap', 'uidmap', 'maps the user ids of sandboxes'],
  ['newgidmap', 'uidmap', 'maps the group ids of sandboxes'],
];

const gib = 1024 ** 3;

/** Looks at everything that builds, proofs and devclouds need of this machine. Changes nothing, but for the store's folder. */
export async function checkHost(world: World): Promise<HostFinding[]> {
  return [
    ...(await Promise.all(
      [...programs, ...(needsOwnNamespace() ? userPrograms : [])].map((row) => checkProgram(row, world)),
    )),
    ...(await checkSandboxes(world)),
    checkMemory(),
    await checkDisk(world.paths.store, 'store', 12),
    await checkDisk(world.paths.state, 'state', 6),
    checkRoot(),
    await checkMirror(world),
    await checkKvm(world),
  ];
}

async function checkProgram(
  [program, debianPackage, purpose]: (typeof programs)[number],
  world: World,
): Promise<HostFinding> {
  for (const folder of (world.env.PATH ?? '').split(':')) {
    if (await isAccessible(`${folder}/${program}`, constants.X_OK)) {
      return {name: program, state: 'good', found: `${folder}/${program}`};
    }
  }
  return {
    name: program,
    state: 'missing',
    found: `not in PATH: ${purpose}`,
    next: `apt-get install ${debianPackage} (./trovestack does it itself when a command needs it)`,
  };
}

/** Makes the namespace that builds run in, and an overlay within: whatever forbids one of them is told as a build would. */
async function checkSandboxes(world: World): Promise<HostFinding[]> {
  const [namespaces, overlays] = ['user namespaces', 'overlayfs'];
  try {
    await using namespace = await (needsOwnNamespace() ? openOwnNamespace() : openUserNamespace(world.signal));
    const script =
      'mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w,userxattr o /mnt/m';
    const outcome = await run([...namespace.enter, 'unshare', '--mount', 'sh', '-c', script], {signal: world.signal});
    const overlay: HostFinding =
      outcome.exitCode === 0
        ? {name: overlays, state: 'good', found: 'mounts in a user namespace'}
        : {
            name: overlays,
            state: 'missing',
            found: outcome.stderr.trim(),
            next: 'Linux 5.11 or newer, with the overlay module; in a container, one that may mount',
          };
    return [{name: namespaces, state: 'good', found: 'allowed, with ids for sandboxes'}, overlay];
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const {message, next} = error.words;
    return [{name: namespaces, state: 'missing', found: message, ...(next ? {next} : {})}];
  }
}

function checkMemory(): HostFinding {
  const size = totalmem();
  const found = `${(size / gib).toFixed(1)} GiB`;
  if (size >= 7.5 * gib) return {name: 'memory', state: 'good', found};
  return {
    name: 'memory',
    state: 'poor',
    found,
    next: 'a devcloud with a database instance uses about 5 GiB; building alone about 1',
  };
}

async function checkDisk(folder: string, what: string, wantedGib: number): Promise<HostFinding> {
  const name = `disk of the ${what}`;
  const nearest = await nearestFolder(folder);
  const {bavail, bsize} = await statfs(nearest);
  const free = bavail * bsize;
  const found = `${(free / gib).toFixed(0)} GiB free at ${folder}`;
  if (free >= wantedGib * gib) return {name, state: 'good', found};
  return {
    name,
    state: 'poor',
    found,
    next: `${wantedGib} GiB are wanted: free some, or set TROVESTACK_${what.toUpperCase()} to another place`,
  };
}

async function nearestFolder(folder: string): Promise<string> {
  for (let path = folder; ; path = dirname(path)) {
    if (path === '/' || (await isAccessible(path, constants.R_OK))) return path;
  }
}

function checkRoot(): HostFinding {
  if (process.getuid?.() === 0) return {name: 'root', state: 'good', found: 'running as root'};
  return {
    name: 'root',
    state: 'poor',
    found: 'running as an ordinary user: images are built and proven so',
    next: 'devcloud and quickstart need root: they lay a network',
  };
}

async function checkMirror(world: World): Promise<HostFinding> {
  const mirrors = await findDebianMirrors(world.env);
  if (mirrors) return {name: 'Debian mirror', state: 'good', found: mirrors.archive};
  return {
    name: 'Debian mirror',
    state: 'poor',
    found: "this host's apt configuration names none: mmdebstrap's own default is used",
    next: 'set DIB_DISTRIBUTION_MIRROR to choose one',
  };
}

/** The device alone proves little: whether a guest kernel starts under it is tried at the first boot proof. */
async function checkKvm(world: World): Promise<HostFinding> {
  const name = 'KVM';
  const next = 'nothing has to be done: guests are emulated, about ten times slower';
  if (!(await isAccessible('/dev/kvm', constants.R_OK | constants.W_OK))) {
    return {name, state: 'poor', found: 'no usable /dev/kvm', next};
  }
  const finding = await readKvmFinding({folder: world.paths.store});
  if (!finding) {
    const found = '/dev/kvm can be opened; the first boot proof tries a guest kernel under it';
    return {name, state: 'good', found};
  }
  if (finding.isWorking) return {name, state: 'good', found: 'a guest kernel has started under it'};
  return {name, state: 'poor', found: '/dev/kvm can be opened, but no guest kernel starts under it', next};
}

async function isAccessible(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR', 'EROFS'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}
