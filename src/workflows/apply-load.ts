import {CloudError, type World} from '../base/index.js';
import type {GlanceImage, NewImage} from '../cloud/index.js';
import {
  findVersion,
  type ImageDecision,
  type LoadPlan,
  type ParameterDecision,
  planImage,
  planParameters,
  type RegisteredVersion,
  type WantedImage,
} from '../datastore/index.js';
import type {ImageServices} from './image-services.js';
import type {ImageToLoad} from './image-to-load.js';
import {confirmContent, uploadImage} from './upload-image.js';

/** What a plan has become. */
export interface AppliedLoad {
  readonly image: GlanceImage;
  readonly version: RegisteredVersion;
}

export interface LoadOrder {
  readonly plan: LoadPlan;
  readonly wanted: ImageToLoad;
  /** Of the image's record, should one be made. */
  readonly newImageId: string;
  readonly fromUrl?: string | undefined;
}

/** Carries out a load plan in its order, and reads back what each change has led to. Nothing that serves is touched.
 * @throws {CloudError} by cause; `image-rejected`, `not-as-written`
 */
export async function applyLoad(order: LoadOrder, services: ImageServices, world: World): Promise<AppliedLoad> {
  const {plan, wanted} = order;
  const {glance} = services;
  for (const {kind, image} of plan.leftovers) if (kind === 'remove') await glance.delete(image.id);
  const uploaded = await applyImage(order, services, world);
  if (plan.shareWith !== undefined) await applySharing(uploaded, plan.shareWith, services);
  const version = await applyVersion(order, uploaded, services, world);
  await applyParameters(plan.parameters, version, services, world);
  const isOurs = version.imageId === uploaded || plan.version.kind === 'keep';
  const image = await glance.show(isOurs ? uploaded : (version.imageId ?? uploaded));
  if (!image)
    throw new CloudError('image-rejected', {image: wanted.name, problem: 'it was deleted while it was loaded'});
  return {image, version};
}

/** @returns The image's id in Glance, its content confirmed. */
async function applyImage(order: LoadOrder, {glance}: ImageServices, world: World): Promise<string> {
  const {plan, wanted, newImageId, fromUrl} = order;
  const decision: ImageDecision = plan.image;
  if (decision.kind === 'upload') {
    const {name, visibility, disk} = wanted;
    const format = disk.format;
    const record: NewImage = {...plan.description, name, visibility, format, id: newImageId};
    await uploadImage({record, wanted, fromUrl}, glance, world);
    return newImageId;
  }
  const {id} = decision.image;
  if (decision.kind === 'update') await glance.update(id, decision.changes);
  const image = await glance.show(id);
  confirmContent(wanted, image);
  if (image) confirmDescription(image, plan.description);
  return id;
}

/** @throws {CloudError} `not-as-written` */
function confirmDescription(image: GlanceImage, described: WantedImage): void {
  const again = planImage([image], described);
  if (again.kind !== 'update') return;
  throw new CloudError('not-as-written', {what: `the image ${image.name}`, wanted: 'as planned', found: again.reason});
}

async function applySharing(imageId: string, projectId: string, {glance}: ImageServices): Promise<void> {
  await glance.share(imageId, projectId);
  const found = (await glance.members(imageId))[projectId] ?? 'not shared';
  if (found === 'accepted') return;
  throw new CloudError('not-as-written', {what: `the sharing with project ${projectId}`, wanted: 'accepted', found});
}

/** @returns The version as Trove has it now, read back. */
async function applyVersion(
  {plan, wanted, newImageId}: LoadOrder,
  imageId: string,
  {glance, trove}: ImageServices,
  world: World,
): Promise<RegisteredVersion> {
  const decision = plan.version;
  if (decision.kind === 'keep') return decision.version;
  const {name: datastore, manager} = wanted.datastore;
  const {version} = wanted.version;
  const image = {imageId, ...(decision.tags ? {tags: decision.tags} : {})};
  const failure = await failureOf(() =>
    decision.kind === 'create'
      ? trove.create({datastore, manager, version, image})
      : trove.update(decision.version.id, {image}),
  );
  // Whatever the answer was, or was lost: what the cloud has decides.
  const registered = findVersion(await trove.list(), datastore, version);
  if (registered?.imageId === imageId) return registered;
  const theirs = registered?.imageId === undefined ? undefined : await glance.show(registered.imageId);
  if (registered && theirs?.properties.trovestack_sha256 === wanted.digests.sha256) {
    world.emit({type: 'note', text: `somebody else has just registered the same content, as image ${theirs.id}`});
    if (imageId === newImageId) await glance.delete(imageId);
    return registered;
  }
  if (failure) throw failure;
  const found = registered?.imageId ?? 'no such version';
  throw new CloudError('not-as-written', {what: `the image of ${datastore} ${version}`, wanted: imageId, found});
}

/** @returns The cloud's error, which may be about the answer alone. */
async function failureOf(change: () => Promise<void>): Promise<CloudError | undefined> {
  try {
    await change();
    return undefined;
  } catch (error) {
    if (error instanceof CloudError) return error;
    throw error;
  }
}

async function applyParameters(
  decisions: readonly ParameterDecision[],
  version: RegisteredVersion,
  {trove}: ImageServices,
  world: World,
): Promise<void> {
  const wanted = decisions.map((decision) => decision.parameter);
  let left = decisions.filter(isChange);
  const total = left.length;
  while (left.length > 0) {
    const failure = await failureOf(async () => {
      for (const [index, {kind, parameter}] of left.entries()) {
        if (kind === 'create') await trove.createParameter(version.id, parameter);
        else await trove.updateParameter(version.id, parameter);
        const done = total - left.length + index + 1;
        world.emit({type: 'progress', what: 'parameters', done, total, unit: 'items'});
      }
    });
    const before = left.length;
    left = planParameters(wanted, await trove.listParameters(version.id)).filter(isChange);
    if (left.length === 0) return;
    // Some were made, the one at the failure perhaps too: go on with the others while that leads further.
    if (failure && left.length === before) throw failure;
    if (failure) continue;
    const found = left.map(({parameter, reason}) => `${parameter.name} ${reason}`).join(', ');
    throw new CloudError('not-as-written', {what: 'the configuration parameters', wanted: 'as registered', found});
  }
}

type ParameterChange = Exclude<ParameterDecision, {kind: 'keep'}>;

function isChange(decision: ParameterDecision): decision is ParameterChange {
  return decision.kind !== 'keep';
}
