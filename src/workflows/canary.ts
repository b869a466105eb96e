import {randomBytes} from 'node:crypto';
import {CloudError, type World} from '../base/index.js';
import {
  createInstance,
  deleteInstance,
  type Flavor,
  type GlanceImage,
  listFlavors,
  listInstances,
  listNetworks,
  waitForInstance,
} from '../cloud/index.js';
import type {DatastoreDefinition, RegisteredVersion} from '../datastore/index.js';
import {type ImageServices, openImageServices} from './image-services.js';

/** Whether, and as what, an instance is made from an image before it serves. */
export interface CanaryChoice {
  /** Default: wherever the cloud can run one. */
  readonly isWanted?: boolean | undefined;
  /** By name or id; default: the smallest that the datastore serves with. */
  readonly flavor?: string | undefined;
  /** By name or id; default: the first shared one. */
  readonly network?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export type CanaryReport =
  | {readonly kind: 'passed'; readonly instance: string; readonly durationMs: number}
  | {readonly kind: 'skipped'; readonly reason: string};

const healthyWithinMs = 1_800_000;
const goneWithinMs = 300_000;
const cleanUpWithinMs = 600_000;

/** Between a version's name and random letters: nothing but a trial is named so. */
export const trialMark = '-trial-';

/** Has Trove make an instance from an image, by a version of its own that only lives for it, and waits until its database is
 * healthy. Instance and version are removed on every path; where a killed run left them, `image prune` does it.
 * @throws {CloudError} `canary-failed`, `nothing-suitable`, and those of the services
 */
export async function tryImage(
  services: ImageServices,
  version: RegisteredVersion,
  image: GlanceImage,
  datastore: DatastoreDefinition,
  choice: CanaryChoice,
  world: World,
): Promise<CanaryReport> {
  const reason = await reasonToSkip(services, choice);
  if (reason !== undefined) {
    world.emit({type: 'action', action: 'skip', target: 'the trial instance', reason});
    return {kind: 'skipped', reason};
  }
  const startedAt = performance.now();
  const name = `${version.name}${trialMark}${randomBytes(4).toString('hex')}`;
  const {session, trove} = services;
  const flavor = await chooseFlavor(services, image, datastore, choice);
  const network = await chooseNetwork(services, choice);
  const target = `instance ${name}`;
  world.emit({type: 'action', action: 'try', target, reason: `from image ${image.name}, with flavor ${flavor.name}`});
  await using _trial = new Trial(name, version.datastore, services, world);
  const {datastore: datastoreName, manager} = version;
  await trove.create({
    datastore: datastoreName,
    manager,
    name,
    version: version.version,
    image: {imageId: image.id},
    isActive: true, // Trove makes no instance of a version that isn't
  });
  const wanted = {name, datastore: datastoreName, version: name, flavorId: flavor.id, networkId: network};
  try {
    const volumeGiB = datastore.minimum.volumeGiB;
    const {id} = await createInstance(session, wanted).catch((error: unknown) => {
      if (!(error instanceof CloudError) || !/volume size/i.test(error.message)) throw error;
      return createInstance(session, {...wanted, volumeGiB}); // this Trove keeps databases on volumes
    });
    await waitForInstance(session, id, {timeoutMs: choice.timeoutMs ?? healthyWithinMs}, world);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    throw new CloudError('canary-failed', {image: image.name, problem: error.message}, {cause: error});
  }
  return {kind: 'passed', instance: name, durationMs: Math.round(performance.now() - startedAt)};
}

async function reasonToSkip({session}: ImageServices, {isWanted}: CanaryChoice): Promise<string | undefined> {
  if (isWanted === false) return 'not asked for';
  for (const service of ['compute', 'network'] as const) {
    if (await session.offers(service)) continue;
    if (isWanted) throw new CloudError('nothing-suitable', {what: `${service} service`, cloud: session.settings.name});
    return `the cloud can run none: it has no ${service} service`;
  }
  return undefined;
}

async function chooseFlavor(
  {session}: ImageServices,
  image: GlanceImage,
  datastore: DatastoreDefinition,
  {flavor: asked}: CanaryChoice,
): Promise<Flavor> {
  const flavors = await listFlavors(session);
  const ramMiB = Math.max(image.minRamMiB, datastore.minimum.ramMiB);
  const volumeGiB = datastore.minimum.volumeGiB;
  // A cloud whose databases are on ephemeral disks has flavors with some; a flavor's disk of 0 is as large as the image.
  const fitting = flavors
    .filter((one) => one.ramMiB >= ramMiB && (one.diskGiB === 0 || one.diskGiB >= image.minDiskGiB))
    .sort((a, b) => a.ramMiB - b.ramMiB || a.diskGiB - b.diskGiB);
  const chosen =
    asked === undefined
      ? (fitting.find((one) => one.ephemeralGiB >= volumeGiB) ?? fitting[0])
      : flavors.find(({id, name}) => asked === id || asked === name);
  if (chosen) return chosen;
  const what = asked === undefined ? `flavor with ${ramMiB} MiB of memory` : `flavor "${asked}"`;
  throw new CloudError('nothing-suitable', {what, cloud: session.settings.name});
}

/** @returns Its id. */
async function chooseNetwork({session}: ImageServices, {network: asked}: CanaryChoice): Promise<string> {
  const networks = await listNetworks(session);
  const chosen = networks.find(({id, name, isShared}) =>
    asked === undefined ? isShared : asked === id || asked === name,
  );
  if (chosen) return chosen.id;
  const what = asked === undefined ? 'shared network (--canary-network NAME)' : `network "${asked}"`;
  throw new CloudError('nothing-suitable', {what, cloud: session.settings.name});
}

/** What a trial has made; removed when disposed, also after an interruption. */
class Trial implements AsyncDisposable {
  readonly #name: string;
  readonly #datastore: string;
  readonly #services: ImageServices;
  readonly #world: World;

  constructor(name: string, datastore: string, services: ImageServices, world: World) {
    this.#name = name;
    this.#datastore = datastore;
    this.#services = services;
    this.#world = world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The interruption that may have brought us here must not end this too.
    const world = {...this.#world, signal: AbortSignal.timeout(cleanUpWithinMs)};
    try {
      await using services = await openImageServices(this.#services.session.settings, world);
      await removeTrial(this.#name, this.#datastore, services, world);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `the trial ${this.#name} could not be removed (trovestack image prune does it): ${why}`;
      this.#world.emit({type: 'warning', text});
    }
  }
}

/** Removes a trial's instance, then its version. */
export async function removeTrial(
  name: string,
  datastore: string,
  {session, trove}: ImageServices,
  world: World,
): Promise<void> {
  const instances = (await listInstances(session)).filter((instance) => instance.name === name);
  for (const {id} of instances) await deleteInstance(session, id, {timeoutMs: goneWithinMs}, world);
  const rows = (await trove.list()).filter((row) => row.datastore === datastore && row.name === name);
  for (const {id} of rows) await trove.delete(id);
}
