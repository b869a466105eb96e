import {createReadStream} from 'node:fs';
import {CloudError, type World} from '../base/index.js';
import {type GlanceImage, readCloudSettings, type Visibility} from '../cloud/index.js';
import {
  findVersion,
  type ImageDecision,
  type LeftoverDecision,
  type ParameterDecision,
  planImage,
  planLeftovers,
  planParameters,
  planVersion,
  type RegisteredVersion,
  type VersionDecision,
  type WantedImage,
} from '../datastore/index.js';
import {readDiskFile} from '../disk/index.js';
import {type Activation, activateVersion} from './activate-image.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {type ImageToLoad, readImageToLoad, wantedImage} from './image-to-load.js';

export interface LoadRequest {
  readonly file: string;
  /** An entry of clouds.yaml; default `OS_CLOUD`, else what OS_* describe. */
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  /** `mariadb:11.8`; default: what the image's manifest says. */
  readonly datastore?: string | undefined;
  /** A `validation-rules.json`; default: the parameters in the image's manifest. */
  readonly validationRules?: string | undefined;
  /** The image's name in Glance; default: made from what it is. */
  readonly name?: string | undefined;
  readonly visibility?: Visibility | undefined;
  /** Also make it active and the default. */
  readonly activate?: boolean | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** What a cloud has after loading (or would have, after a dry run). */
export interface LoadedImageResult {
  readonly cloud: string;
  readonly datastore: string;
  readonly version: string;
  /** `id` is absent after a dry run of an upload. */
  readonly image: {readonly id?: string; readonly name: string; readonly sha256: string; readonly done: string};
  readonly registration: {
    readonly id?: string;
    readonly imageId?: string;
    readonly isActive: boolean;
    readonly isDefault: boolean;
    readonly done: string;
  };
  readonly parameters: {readonly created: number; readonly updated: number; readonly kept: number};
  /** Whether anything in the cloud was (or would be) changed. */
  readonly isChanged: boolean;
  readonly isDryRun: boolean;
  readonly activation?: Activation;
}

/** What is to be done, decided before anything is. */
interface LoadPlan {
  readonly leftovers: readonly LeftoverDecision[];
  readonly image: ImageDecision;
  readonly version: VersionDecision;
  readonly parameters: readonly ParameterDecision[];
}

/** Brings an image file into a cloud: the image into Glance, its datastore version and parameters into Trove.
 * The version stays inactive unless it was active before or activation is asked for. A second run changes nothing.
 * @throws {UsageError} when the file, the catalogue or the choice of cloud is at fault
 * @throws {CloudError} when the cloud is
 */
export async function loadImage(request: LoadRequest, world: World): Promise<LoadedImageResult> {
  const disk = await readDiskFile(request.file);
  const settings = await readCloudSettings(world, request);
  await using target = await openImageServices(settings, world);
  const registered = await target.trove.list(); // a cloud that lacks Trove, or trust in us, is told before gigabytes are read
  const wanted = await readImageToLoad(disk, request, world);
  const described = wantedImage(wanted, request);
  const plan = await planLoad(wanted, described, registered, target);
  tellPlan(plan, wanted, world);
  if (request.dryRun) return resultOf(wanted, plan, target, undefined, undefined);

  const removed = plan.leftovers.filter(({kind}) => kind === 'remove');
  for (const {image} of removed) await target.glance.delete(image.id);
  const imageId = await applyImage(plan.image, wanted, described, target, world);
  const version = await applyVersion(plan.version, imageId, wanted, target);
  await applyParameters(plan.parameters, version, target, world);
  const activation = request.activate
    ? await activateVersion(target, version, await target.glance.show(imageId), world)
    : undefined;
  return resultOf(wanted, plan, target, imageId, activation?.version ?? version, activation);
}

async function planLoad(
  wanted: ImageToLoad,
  described: WantedImage,
  versions: readonly RegisteredVersion[],
  {glance, trove}: ImageServices,
): Promise<LoadPlan> {
  const registered = findVersion(versions, wanted.datastore.name, wanted.version.version);
  const sameContent = await glance.list({trovestack_sha256: wanted.digests.sha256});
  const image = planImage(sameContent, described);
  const parameters = registered ? await trove.listParameters(registered.id) : [];
  return {
    leftovers: planLeftovers(sameContent, await glance.now()),
    image,
    version: planVersion(registered, image.kind === 'upload' ? undefined : image.image.id),
    parameters: planParameters(wanted.parameters, parameters),
  };
}

/** Every decision as an event, before the first of them is carried out. */
function tellPlan(plan: LoadPlan, wanted: ImageToLoad, world: World): void {
  const {leftovers, image, version, parameters} = plan;
  const name = `${wanted.datastore.name} ${wanted.version.version}`;
  for (const leftover of leftovers) tell(leftover.kind, `incomplete image ${leftover.image.id}`, leftover.reason);
  if (image.kind === 'upload') tell('upload', `image ${wanted.name}`, image.reason);
  else if (image.kind === 'update') tell('update', `image ${image.image.name}`, image.reason);
  else tell('reuse', `image ${image.image.name}`, 'the same content is in the cloud');
  tell(version.kind, `datastore version ${name}`, version.reason);
  for (const {kind, reason, count} of byReason(parameters)) {
    tell(kind, count === 1 ? '1 configuration parameter' : `${count} configuration parameters`, reason);
  }

  function tell(action: string, target: string, reason: string): void {
    world.emit({type: 'action', action, target, reason});
  }
}

function byReason(decisions: readonly ParameterDecision[]): {kind: string; reason: string; count: number}[] {
  const groups = new Map<string, {kind: string; reason: string; count: number}>();
  for (const decision of decisions) {
    const reason = decision.kind === 'keep' ? 'already as wanted' : decision.reason;
    const group = groups.get(`${decision.kind} ${reason}`) ?? {kind: decision.kind, reason, count: 0};
    groups.set(`${decision.kind} ${reason}`, {...group, count: group.count + 1});
  }
  return [...groups.values()];
}

/** @returns The image's id in Glance, its content confirmed. */
async function applyImage(
  decision: ImageDecision,
  wanted: ImageToLoad,
  described: WantedImage,
  {glance}: ImageServices,
  world: World,
): Promise<string> {
  if (decision.kind !== 'upload') {
    const {id} = decision.image;
    if (decision.kind === 'update') await glance.update(id, decision.changes);
    const image = await glance.show(id);
    confirmContent(wanted, image);
    if (image) confirmDescription(image, described);
    return id;
  }
  const {name, visibility} = wanted;
  const {id} = await glance.create({...described, name, visibility, format: wanted.disk.format});
  try {
    await glance.upload(id, {sizeBytes: wanted.disk.fileSizeBytes, open: () => readWithProgress(wanted, world)});
    confirmContent(wanted, await glance.show(id));
    return id;
  } catch (error) {
    await glance.discard(id);
    throw error;
  }
}

function readWithProgress(wanted: ImageToLoad, world: World) {
  const {path, fileSizeBytes: total} = wanted.disk;
  let done = 0;
  return createReadStream(path, {highWaterMark: 1 << 18}).on('data', (chunk) => {
    done += chunk.length;
    world.emit({type: 'progress', what: 'upload', done, total, unit: 'bytes'});
  });
}

/** @throws {CloudError} `image-rejected` when Glance hasn't got the file's content, whole. */
function confirmContent(wanted: ImageToLoad, image: GlanceImage | undefined): void {
  const {disk, digests, name} = wanted;
  const problem = contentProblem();
  if (problem) throw new CloudError('image-rejected', {image: image?.name ?? name, problem});

  function contentProblem(): string | undefined {
    if (!image) return 'it was deleted while it was loaded';
    if (image.status !== 'active') return `its status is "${image.status}" after the upload`;
    if (image.sizeBytes !== disk.fileSizeBytes) return `Glance holds ${image.sizeBytes} of ${disk.fileSizeBytes} bytes`;
    const mine = {sha256: digests.sha256, sha512: digests.sha512}[image.digest?.algorithm ?? ''];
    return mine && mine !== image.digest?.value ? 'its content in Glance differs from the file' : undefined;
  }
}

/** @throws {CloudError} `not-as-written` */
function confirmDescription(image: GlanceImage, described: WantedImage): void {
  const again = planImage([image], described);
  if (again.kind !== 'update') return;
  throw new CloudError('not-as-written', {what: `the image ${image.name}`, wanted: 'as planned', found: again.reason});
}

/** @returns The version as Trove has it now, read back. */
async function applyVersion(
  decision: VersionDecision,
  imageId: string,
  wanted: ImageToLoad,
  {trove}: ImageServices,
): Promise<RegisteredVersion> {
  if (decision.kind === 'keep') return decision.version;
  const {name: datastore, manager} = wanted.datastore;
  const {version} = wanted.version;
  if (decision.kind === 'create') await trove.create({datastore, manager, version, imageId});
  else await trove.update(decision.version.id, {imageId});
  const registered = findVersion(await trove.list(), datastore, version);
  if (registered?.imageId === imageId) return registered;
  const found = registered?.imageId ?? 'no such version';
  throw new CloudError('not-as-written', {what: `the image of ${datastore} ${version}`, wanted: imageId, found});
}

async function applyParameters(
  decisions: readonly ParameterDecision[],
  version: RegisteredVersion,
  {trove}: ImageServices,
  world: World,
): Promise<void> {
  const changes = decisions.filter((decision) => decision.kind !== 'keep');
  for (const [index, {kind, parameter}] of changes.entries()) {
    if (kind === 'create') await trove.createParameter(version.id, parameter);
    else await trove.updateParameter(version.id, parameter);
    world.emit({type: 'progress', what: 'parameters', done: index + 1, total: changes.length, unit: 'items'});
  }
  if (changes.length === 0) return;
  const wanted = decisions.map((decision) => decision.parameter);
  const again = planParameters(wanted, await trove.listParameters(version.id));
  const found = again.flatMap((d) => (d.kind === 'keep' ? [] : [`${d.parameter.name} ${d.reason}`])).join(', ');
  if (!found) return;
  throw new CloudError('not-as-written', {what: 'the configuration parameters', wanted: 'as registered', found});
}

function resultOf(
  wanted: ImageToLoad,
  plan: LoadPlan,
  {session}: ImageServices,
  imageId: string | undefined,
  registered: RegisteredVersion | undefined,
  activation?: Activation,
): LoadedImageResult {
  const {leftovers, image, version, parameters} = plan;
  const row = registered ?? (version.kind === 'create' ? undefined : version.version);
  const id = imageId ?? (image.kind === 'upload' ? undefined : image.image.id);
  const count = (kind: ParameterDecision['kind']) => parameters.filter((decision) => decision.kind === kind).length;
  return {
    cloud: session.settings.name,
    datastore: wanted.datastore.name,
    version: wanted.version.version,
    image: {
      ...(id ? {id} : {}),
      name: nameOf(image, wanted),
      sha256: wanted.digests.sha256,
      done: image.kind,
    },
    registration: {
      ...(row ? {id: row.id} : {}),
      ...(row?.imageId ? {imageId: row.imageId} : {}),
      isActive: row?.isActive ?? false,
      isDefault: row?.isDefault ?? false,
      done: version.kind,
    },
    parameters: {created: count('create'), updated: count('update'), kept: count('keep')},
    isChanged:
      leftovers.some(({kind}) => kind === 'remove') ||
      image.kind !== 'reuse' ||
      version.kind !== 'keep' ||
      parameters.some((decision) => decision.kind !== 'keep') ||
      activation?.isChanged === true,
    isDryRun: registered === undefined,
    ...(activation ? {activation} : {}),
  };
}

function nameOf(decision: ImageDecision, wanted: ImageToLoad): string {
  if (decision.kind === 'upload') return wanted.name;
  return (decision.kind === 'update' ? decision.changes.name : undefined) ?? decision.image.name;
}
