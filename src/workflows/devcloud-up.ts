import {access} from 'node:fs/promises';
import {HostError, lockFile, systemErrorCode, UsageError, type World} from '../base/index.js';
import {
  type Addresses,
  addressesIn,
  awaitReadiness,
  checkName,
  chooseCloudSeries,
  cloudEntry,
  cloudNameOf,
  defaultCloudSeries,
  deviceName,
  type Instance,
  instanceFolder,
  isAlive,
  joinNetwork,
  listInstances,
  makeInstanceFolder,
  newSecrets,
  type Profile,
  readInstance,
  removeInstanceFolder,
  runPlan,
  type StartedSupervisor,
  setCloudEntry,
  settingsOf,
  startSupervisor,
  writeInstance,
} from '../devcloud/index.js';
import {Store} from '../store/index.js';
import {ensureDevcloudLayers} from './devcloud-layers.js';
import {type DevcloudStatus, statusOf} from './devcloud-status.js';
import {readKvmFinding} from './kvm-finding.js';

export interface DevcloudRequest {
  readonly name: string;
  /** Default: the one it was made with; `full` for a new one. */
  readonly profile?: Profile;
  /** Of OpenStack. Default: the one it was made with; 2025.1 for a new one. */
  readonly series?: string;
  /** A private /24 of this machine's choosing when absent. */
  readonly subnet?: string;
}

const readyWithinMs = 300_000;

/** Starts a devcloud, making it when there is none of its name, and waits until its services answer. It lives on after this
 * process; an interrupted start leaves nothing running, and of a new devcloud nothing at all.
 * @throws {UsageError} `bad-argument`, `devcloud-differs`
 * @throws {HostError} `not-root`, `subnet-in-use`, `namespaces-failed`, `devcloud-not-ready`, `layer-gone`, and those of its layers
 */
export async function devcloudUp(request: DevcloudRequest, world: World): Promise<DevcloudStatus> {
  requireRoot('start a devcloud');
  await checkDevcloudRequest(request, world);
  await using _lock = await lockDevcloud(request.name, world);
  const known = await readInstance(world.paths, request.name);
  if (known) {
    checkSame(known, request);
    if (known.run && (await isAlive(known.run.supervisor))) return statusOf(known, world);
    await checkLayers(known);
    return start(known, request.subnet, world);
  }
  try {
    return await start(await makeInstance(request, world), request.subnet, world);
  } catch (error) {
    await removeInstanceFolder(world.paths, request.name);
    throw error;
  }
}

/** Refuses what `devcloudUp` would refuse, before anything is done.
 * @throws {UsageError} `bad-argument`, `devcloud-differs`
 */
export async function checkDevcloudRequest(request: DevcloudRequest, world: World): Promise<void> {
  checkName(request.name);
  if (request.subnet) addressesIn(request.subnet);
  const known = await readInstance(world.paths, request.name);
  if (known) checkSame(known, request);
  else chooseCloudSeries(request.series ?? defaultCloudSeries, request.profile ?? 'full');
}

/** One command at a time acts on a devcloud. */
export function lockDevcloud(name: string, world: World): Promise<AsyncDisposable> {
  return lockFile(`${world.paths.state}/locks/devcloud-${name}`, {what: `devcloud "${name}"`, signal: world.signal});
}

/** @throws {HostError} `not-root` */
export function requireRoot(doing: string): void {
  if (process.getuid?.() === 0) return;
  throw new HostError('not-root', {doing, why: 'it makes network devices and file systems of its own'});
}

function checkSame(known: Instance, {name, profile, series, subnet}: DevcloudRequest): void {
  if (profile && profile !== known.profile) {
    throw new UsageError('devcloud-differs', {name, what: 'profile', wanted: profile, current: known.profile});
  }
  const current = known.series ?? defaultCloudSeries;
  if (series && series.toLowerCase() !== current) {
    throw new UsageError('devcloud-differs', {name, what: 'series', wanted: series, current});
  }
  if (subnet && known.subnet && addressesIn(subnet).subnet !== known.subnet) {
    throw new UsageError('devcloud-differs', {name, what: 'subnet', wanted: subnet, current: known.subnet});
  }
}

async function checkLayers({name, layers}: Instance): Promise<void> {
  for (const layer of layers) {
    await access(layer).catch((error: unknown) => {
      throw systemErrorCode(error) === 'ENOENT' ? new HostError('layer-gone', {name, layer}) : error;
    });
  }
}

async function makeInstance(request: DevcloudRequest, world: World): Promise<Instance> {
  const {name, profile = 'full'} = request;
  const series = chooseCloudSeries(request.series ?? defaultCloudSeries, profile);
  const layers = await ensureDevcloudLayers(profile, series, world);
  const instance: Instance = {name, profile, series: series.name, secrets: newSecrets(), layers};
  await makeInstanceFolder(instanceFolder(world.paths, name));
  await writeInstance(world.paths, instance);
  return instance;
}

async function start(instance: Instance, subnet: string | undefined, world: World): Promise<DevcloudStatus> {
  const {paths, signal} = world;
  const folder = instanceFolder(paths, instance.name);
  const startedAt = new Date();
  const supervisorLog = `${folder}/supervisor.log`;
  const accelerator = await chooseAccelerator(world);
  await using supervisor = await startSupervisor({
    layers: instance.layers,
    folder,
    programs: `${paths.home}/devcloud`,
    logFile: supervisorLog,
    accelerator,
  });
  const addresses = await join(instance, supervisor, subnet, world);
  const settings = settingsOf(instance, addresses, accelerator);
  const started: Instance = {
    ...instance,
    subnet: addresses.subnet,
    run: {supervisor: supervisor.identity, startedAt: startedAt.toISOString()},
  };
  await writeInstance(paths, started);
  supervisor.send(runPlan(settings, addresses));
  const starting = {
    name: instance.name,
    profile: instance.profile,
    address: addresses.cloud,
    password: instance.secrets.admin,
    supervisor: supervisor.identity,
    startedAt,
    logs: `${folder}/upper/var/log/trovestack`,
    supervisorLog,
  };
  await awaitReadiness(starting, world.emit, signal, readyWithinMs);
  await setCloudEntry(`${paths.state}/clouds.yaml`, cloudNameOf(instance.name), cloudEntry(settings), signal);
  supervisor.keep();
  return statusOf(started, world);
}

/** KVM only where an image's proof has seen a guest kernel start under it: the device alone proves nothing. */
async function chooseAccelerator(world: World): Promise<'kvm' | 'qemu'> {
  const finding = await readKvmFinding(await Store.open(world.paths.store, world.emit));
  return finding?.isWorking ? 'kvm' : 'qemu';
}

async function join(
  instance: Instance,
  supervisor: StartedSupervisor,
  subnet: string | undefined,
  world: World,
): Promise<Addresses> {
  const others = (await listInstances(world.paths)).filter(({name}) => name !== instance.name);
  const reserved = others.flatMap((other) => (other.subnet ? [other.subnet] : []));
  const device = deviceName(instanceFolder(world.paths, instance.name));
  return joinNetwork(device, supervisor.pid, instance.subnet ?? subnet, reserved, world.signal);
}
