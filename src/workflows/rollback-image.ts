import {UsageError, type World} from '../base/index.js';
import {readCloudSettings} from '../cloud/index.js';
import {
  type ActivationAction,
  chooseVersion,
  formerStateOf,
  isByTags,
  nameOf,
  planRollback,
  type RegisteredVersion,
  readCatalogue,
} from '../datastore/index.js';
import {type Activation, findRegistered, servingImage} from './activate-image.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {switchVersions, tellActions} from './switch-versions.js';

export interface RollbackRequest {
  readonly datastore: string;
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Brings back what served before the last activation of a version, as its image remembers it in the cloud.
 * @throws {UsageError} `not-registered`, `no-former-image`, `unknown-datastore`, `unknown-version`
 * @throws {CloudError} `activation-failed`
 */
export async function rollbackImage(request: RollbackRequest, world: World): Promise<Activation> {
  const {datastore, version} = chooseVersion(await readCatalogue(world.paths.home), request.datastore);
  await using services = await openImageServices(await readCloudSettings(world, request), world);
  const registered = await findRegistered(datastore.name, version.version, services);
  const {actions, formerImageId, formerName, isActive} = await planFor(registered, services);
  tellActions(actions, world);
  const cloud = services.session.settings.name;
  const isDryRun = request.dryRun === true;
  const reason = 'as it was before';
  const known = {cloud, actions, gate: [], isChanged: true, isDryRun, reason};
  const image = formerImageId ? {imageId: formerImageId, imageName: formerName ?? ''} : {};
  if (isDryRun) return {...known, ...image, version: registered};
  const isAsWanted = async (found: RegisteredVersion) =>
    found.isActive === isActive && (!formerImageId || (await servingImage(found, services))?.id === formerImageId);
  return {
    ...known,
    ...image,
    version: await switchVersions({version: registered, actions, isAsWanted}, services, world),
  };
}

interface RollbackPlan {
  readonly actions: readonly ActivationAction[];
  readonly formerImageId?: string;
  readonly formerName?: string;
  /** Whether the version is active afterwards. */
  readonly isActive: boolean;
}

async function planFor(version: RegisteredVersion, services: ImageServices): Promise<RollbackPlan> {
  const {glance, trove, session} = services;
  const image = await servingImage(version, services);
  const former = image && formerStateOf(image);
  const refuse = (problem: string) =>
    new UsageError('no-former-image', {version: nameOf(version), cloud: session.settings.name, problem});
  if (!image) throw refuse('it has no image');
  if (!former) throw refuse(`its image ${image.name} remembers no activation`);
  const formerImage = former.imageId === undefined ? undefined : await glance.show(former.imageId);
  const rivals = isByTags(version) ? await glance.listTagged(version.imageTags) : [];
  const now = (await glance.now()).toISOString();
  const versions = await trove.list();
  const actions = planRollback({version, versions, image, former, formerImage, rivals, now});
  if (typeof actions === 'string') throw refuse(actions);
  const leaves = actions.some(({kind, ...action}) => kind === 'switch version' && isDeactivated(action, version.id));
  return {
    actions,
    isActive: version.isActive && !leaves,
    ...(formerImage ? {formerImageId: formerImage.id, formerName: formerImage.name} : {}),
  };
}

function isDeactivated(action: object, versionId: string): boolean {
  const {versionId: id, changes} = action as {versionId?: string; changes?: {isActive?: boolean}};
  return id === versionId && changes?.isActive === false;
}
