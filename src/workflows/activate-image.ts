import {CloudError, UsageError, type World} from '../base/index.js';
import {type GlanceImage, readCloudSettings} from '../cloud/index.js';
import {
  type ActivationAction,
  chooseVersion,
  type DatastoreDefinition,
  findVersion,
  type GateFinding,
  isByTags,
  nameOf,
  planActivation,
  type RegisteredVersion,
  readCatalogue,
  rolledBackProperty,
  selectTags,
} from '../datastore/index.js';
import {type CanaryChoice, type CanaryReport, tryImage} from './canary.js';
import {type GateRequest, passGate} from './image-gate.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {switchVersions, tellActions} from './switch-versions.js';

/** How an activation goes about it. */
export interface ActivationOptions extends GateRequest {
  readonly canary?: CanaryChoice | undefined;
  /** How the version finds its image from now on. Default: as it does, or as it was loaded for. */
  readonly select?: 'id' | 'tags' | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

export interface ActivateRequest extends ActivationOptions {
  /** `mariadb:11.8`, or `mariadb` for the catalogue's default version. */
  readonly datastore: string;
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  /** An image in Glance by id or name; default: the newest of this version in the cloud, else the registered one. */
  readonly image?: string | undefined;
}

/** What activating, or rolling back, did or would do. */
export interface Activation {
  readonly cloud: string;
  /** As Trove has it, read back. */
  readonly version: RegisteredVersion;
  readonly imageId?: string;
  readonly imageName?: string;
  /** Each change, in the order in which they were (or would be) made. */
  readonly actions: readonly ActivationAction[];
  /** What the image was asked for; empty when nothing was to be changed. */
  readonly gate: readonly GateFinding[];
  readonly canary?: CanaryReport;
  readonly isChanged: boolean;
  readonly isDryRun: boolean;
  /** Why something was changed. */
  readonly reason?: string;
}

/** Makes a registered datastore version active, the default, and on its newest loaded image. A second run changes nothing.
 * @throws {UsageError} `not-registered`, `unknown-image`, `unknown-datastore`, `unknown-version`
 * @throws {StepError} `gate-closed`
 * @throws {CloudError}
 */
export async function activateImage(request: ActivateRequest, world: World): Promise<Activation> {
  const {datastore, version} = chooseVersion(await readCatalogue(world.paths.home), request.datastore);
  await using services = await openImageServices(await readCloudSettings(world, request), world);
  const registered = await findRegistered(datastore.name, version.version, services);
  const image = await chooseImage(request.image, registered, services);
  return await activateVersion(services, {version: registered, image, datastore}, request, world);
}

/** @throws {UsageError} `not-registered` */
export async function findRegistered(
  datastore: string,
  version: string,
  {session, trove}: ImageServices,
): Promise<RegisteredVersion> {
  const registered = findVersion(await trove.list(), datastore, version);
  if (registered) return registered;
  throw new UsageError('not-registered', {datastore, version, cloud: session.settings.name});
}

export interface ActivationSubject {
  readonly version: RegisteredVersion;
  readonly image: GlanceImage;
  readonly datastore: DatastoreDefinition;
}

/** Activates one registered version on one image: gate, trial instance, switch, reading back. What was before comes back when
 * the switch fails.
 * @throws {StepError} `gate-closed`
 * @throws {CloudError} `canary-failed`, `activation-failed`; `image-rejected` when the image has no data
 */
export async function activateVersion(
  services: ImageServices,
  {version: registered, image, datastore}: ActivationSubject,
  options: ActivationOptions,
  world: World,
): Promise<Activation> {
  if (image.status !== 'active') {
    throw new CloudError('image-rejected', {image: image.name, problem: `its status is "${image.status}"`});
  }
  const cloud = services.session.settings.name;
  const actions = await planSwitch({version: registered, image, datastore}, options, services);
  const known = {cloud, actions, imageId: image.id, imageName: image.name};
  const isDryRun = options.dryRun === true;
  const target = `datastore version ${nameOf(registered)}`;
  if (actions.length === 0) {
    world.emit({type: 'action', action: 'keep', target, reason: 'already active and the default'});
    return {...known, version: registered, gate: [], isChanged: false, isDryRun};
  }
  const gate = await passGate(image, registered, options, services, world);
  tellGate(gate, world);
  const reason = actions.find(({kind}) => kind === 'switch version')?.reason ?? actions[0]?.reason ?? '';
  tellActions(actions, world);
  if (isDryRun) return {...known, version: registered, gate, isChanged: true, isDryRun, reason};
  const canary = await tryImage(services, registered, image, datastore, options.canary ?? {}, world);
  const version = await switchVersions(
    {version: registered, actions, isAsWanted: (found) => isServing(found, image, options, services)},
    services,
    world,
  );
  return {...known, version, gate, ...(canary ? {canary} : {}), isChanged: true, isDryRun, reason};
}

/** Reads what serves now, and plans the way from there. */
async function planSwitch(
  {version: found, image, datastore}: ActivationSubject,
  {select: asked}: ActivationOptions,
  {glance, trove}: ImageServices,
): Promise<ActivationAction[]> {
  const wasLoadedForTags = !found.isActive && found.imageTags.length > 0;
  const select = asked ?? (isByTags(found) || wasLoadedForTags ? 'tags' : 'id');
  const hasTags = found.imageTags.length > 0;
  const version = select === 'tags' && !hasTags ? {...found, imageTags: selectTags(datastore, found.version)} : found;
  const rivals = select === 'tags' ? await glance.listTagged(version.imageTags) : [];
  const versions = await trove.list();
  const serving = await servingImage(found, {glance});
  return planActivation({version, versions, image, serving, select, rivals});
}

/** What an instance of the version boots from, if it is made now. */
export async function servingImage(
  version: RegisteredVersion,
  {glance}: Pick<ImageServices, 'glance'>,
): Promise<GlanceImage | undefined> {
  if (isByTags(version)) return await glance.selectedBy(version.imageTags);
  return version.imageId === undefined ? undefined : await glance.show(version.imageId);
}

function tellGate(gate: readonly GateFinding[], world: World): void {
  for (const {demand, outcome, detail} of gate) {
    if (outcome === 'met') world.emit({type: 'action', action: 'pass', target: `the gate's ${demand}`, reason: detail});
    else world.emit({type: 'note', text: `the gate cannot tell its ${demand}: ${detail}`});
  }
}

async function isServing(
  found: RegisteredVersion,
  image: GlanceImage,
  options: ActivationOptions,
  services: ImageServices,
): Promise<boolean> {
  if (!found.isActive || !found.isDefault) return false;
  if (options.select !== undefined && isByTags(found) !== (options.select === 'tags')) return false;
  return (await servingImage(found, services))?.id === image.id;
}

/** The image that is asked for; else the project's newest for this version; else the one that the version has, by its tags or its id.
 * @throws {UsageError} `unknown-image`
 */
async function chooseImage(
  asked: string | undefined,
  registered: RegisteredVersion,
  {session, glance}: ImageServices,
): Promise<GlanceImage> {
  const cloud = session.settings.name;
  if (asked) {
    const byId = await glance.show(asked);
    if (byId) return byId;
    const [image, ...others] = await glance.list({name: asked});
    if (!image)
      throw new UsageError('unknown-image', {image: asked, cloud, problem: 'there is none of this name or id'});
    if (others.length === 0) return image;
    throw new UsageError('unknown-image', {
      image: asked,
      cloud,
      problem: `${others.length + 1} have this name: give an id`,
    });
  }
  const {datastore, name, imageId, imageTags} = registered;
  const loaded = await glance.list({trovestack_datastore: datastore, trovestack_version: name, status: 'active'});
  // One that somebody has turned away from serves again only when it is named.
  const newest = loaded.find(({properties}) => !properties[rolledBackProperty]);
  if (newest) return newest;
  const image = await servingImage(registered, {glance});
  if (image) return image;
  const problem = imageId
    ? `${datastore} ${name} names it, but it is gone`
    : `${datastore} ${name} looks for an active image with all of these tags, and there is none`;
  throw new UsageError('unknown-image', {image: imageId ?? imageTags.join(', '), cloud, problem});
}
