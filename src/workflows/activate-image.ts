import {CloudError, UsageError, type World} from '../base/index.js';
import {type GlanceImage, readCloudSettings, type TroveDatastores} from '../cloud/index.js';
import {chooseVersion, findVersion, planActivation, type RegisteredVersion, readCatalogue} from '../datastore/index.js';
import {type ImageServices, openImageServices} from './image-services.js';

export interface ActivateRequest {
  /** `mariadb:11.8`, or `mariadb` for the catalogue's default version. */
  readonly datastore: string;
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  /** An image in Glance by id or name; default: the newest of this version in the cloud, else the registered one. */
  readonly image?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** What activating did, or would do. */
export interface Activation {
  readonly cloud: string;
  /** As Trove has it, read back. */
  readonly version: RegisteredVersion;
  readonly imageName?: string;
  readonly isChanged: boolean;
  /** Why something was changed. */
  readonly reason?: string;
}

/** Makes a registered datastore version active, the default, and on its newest loaded image. A second run changes nothing.
 * @throws {UsageError} `not-registered`, `unknown-image`, `unknown-datastore`, `unknown-version`
 * @throws {CloudError}
 */
export async function activateImage(request: ActivateRequest, world: World): Promise<Activation> {
  const {datastore, version} = chooseVersion(await readCatalogue(world.paths.home), request.datastore);
  await using target = await openImageServices(await readCloudSettings(world, request), world);
  const registered = findVersion(await target.trove.list(), datastore.name, version.version);
  if (!registered) {
    const facts = {datastore: datastore.name, version: version.version, cloud: target.session.settings.name};
    throw new UsageError('not-registered', facts);
  }
  const image = await chooseImage(request.image, registered, target);
  return await activateVersion(target, registered, image, world, request.dryRun);
}

/** Activates one registered version on one image, and reads back what Trove made of it.
 * @param image Undefined for a version that selects its image by tags.
 * @throws {CloudError} `not-as-written`; `image-rejected` when the image has no data
 */
export async function activateVersion(
  {session, trove}: ImageServices,
  registered: RegisteredVersion,
  image: GlanceImage | undefined,
  world: World,
  isDryRun = false,
): Promise<Activation> {
  if (image && image.status !== 'active') {
    throw new CloudError('image-rejected', {image: image.name, problem: `its status is "${image.status}"`});
  }
  const cloud = session.settings.name;
  const imageName = image ? {imageName: image.name} : {};
  const name = `datastore version ${registered.datastore} ${registered.name}`;
  const decision = planActivation(registered, image?.id);
  if (decision.kind === 'keep') {
    world.emit({type: 'action', action: 'keep', target: name, reason: 'already active and the default'});
    return {cloud, version: registered, isChanged: false, ...imageName};
  }
  const {kind: _kind, version: _version, reason, ...changes} = decision;
  world.emit({type: 'action', action: 'activate', target: name, reason});
  if (isDryRun) return {cloud, version: registered, isChanged: true, reason, ...imageName};
  await trove.update(registered.id, changes);
  return {cloud, version: await confirmActive(registered.id, image, trove), isChanged: true, reason, ...imageName};
}

/** The image that is asked for; else the newest in the cloud for this version; else the registered one. */
async function chooseImage(
  asked: string | undefined,
  registered: RegisteredVersion,
  {session, glance}: ImageServices,
): Promise<GlanceImage | undefined> {
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
  const {datastore, name, imageId} = registered;
  const loaded = {trovestack_datastore: datastore, trovestack_version: name, status: 'active'};
  const [newest] = await glance.list(loaded);
  if (newest) return newest;
  if (!imageId) return undefined;
  const image = await glance.show(imageId);
  if (image) return image;
  throw new UsageError('unknown-image', {
    image: imageId,
    cloud,
    problem: `${datastore} ${name} names it, but it is gone`,
  });
}

async function confirmActive(
  id: string,
  image: GlanceImage | undefined,
  trove: TroveDatastores,
): Promise<RegisteredVersion> {
  const found = (await trove.list()).find((version) => version.id === id);
  if (found?.isActive && found.isDefault && (!image || found.imageId === image.id)) return found;
  throw new CloudError('not-as-written', {
    what: `the activation of ${found?.datastore ?? id} ${found?.name ?? ''}`,
    wanted: describe({isActive: true, isDefault: true, imageId: image?.id}),
    found: found ? describe(found) : 'no such version',
  });
}

function describe(version: {isActive: boolean; isDefault: boolean; imageId?: string | undefined}): string {
  const {isActive, isDefault, imageId} = version;
  return `${isActive ? 'active' : 'inactive'}, ${isDefault ? 'default' : 'not default'}, image ${imageId ?? 'by tags'}`;
}
