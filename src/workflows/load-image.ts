import {randomUUID} from 'node:crypto';
import {CloudError, UsageError, type World} from '../base/index.js';
import {findProject, type GlanceImage, readCloudSettings, type Visibility} from '../cloud/index.js';
import {
  actionsOf,
  type CloudReading,
  findVersion,
  isByTags,
  type LoadAction,
  type LoadPlan,
  type ParameterDecision,
  planLoad,
  quotaProblem,
  type RegisteredVersion,
  selectTags,
  type WantedLoad,
} from '../datastore/index.js';
import {type DiskFile, readDiskFile} from '../disk/index.js';
import {type Activation, activateVersion} from './activate-image.js';
import {type AppliedLoad, applyLoad} from './apply-load.js';
import type {CanaryChoice} from './canary.js';
import {chooseFormat, type LoadFormat} from './choose-format.js';
import {demandFit, type GateRequest} from './image-gate.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {type ImageToLoad, readImageToLoad, wantedImage} from './image-to-load.js';

export interface LoadRequest extends GateRequest {
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
  /** Name or id of a project that is to see the image too, such as the one that Trove's servers are in. */
  readonly shareWith?: string | undefined;
  /** How the version finds its image once it is activated. Default: by its id. */
  readonly select?: 'id' | 'tags' | undefined;
  /** Default `auto`. */
  readonly format?: LoadFormat | undefined;
  /** Glance fetches the data there; the file says what it has to be. */
  readonly fromUrl?: string | undefined;
  /** Also make it active and the default. */
  readonly activate?: boolean | undefined;
  readonly canary?: CanaryChoice | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** What a cloud has after loading (or would have, after a dry run). */
export interface LoadedImageResult {
  readonly cloud: string;
  readonly region?: string;
  readonly datastore: string;
  readonly version: string;
  /** Each change, in the order in which they were (or would be) made; none when the cloud was as wanted. */
  readonly actions: readonly LoadAction[];
  /** `id` is absent after a dry run of an upload. */
  readonly image: {readonly id?: string; readonly name: string; readonly sha256: string; readonly done: string};
  readonly registration: {
    readonly id?: string;
    readonly imageId?: string;
    readonly isActive: boolean;
    readonly isDefault: boolean;
    readonly done: string;
  };
  /** Which image Trove takes for versions that look for one by tags: before, and now. */
  readonly selection?: Selection;
  readonly parameters: {readonly created: number; readonly updated: number; readonly kept: number};
  /** Whether anything in the cloud was (or would be) changed. */
  readonly isChanged: boolean;
  readonly isDryRun: boolean;
  readonly activation?: Activation;
}

export interface Selection {
  readonly tags: readonly string[];
  readonly before: string;
  readonly after: string;
}

/** Brings an image file into a cloud: the image into Glance, its datastore version and parameters into Trove.
 * The version stays inactive unless it was active before or activation is asked for. A second run changes nothing.
 * @throws {UsageError} when the file, the catalogue or the choice of cloud is at fault
 * @throws {StepError} `gate-closed` when the image is for another series than the cloud, or isn't what was signed
 * @throws {CloudError} when the cloud is
 */
export async function loadImage(request: LoadRequest, world: World): Promise<LoadedImageResult> {
  const disk = await readDiskFile(request.file);
  const settings = await readCloudSettings(world, request);
  await using services = await openImageServices(settings, world);
  await services.trove.list(); // a cloud that lacks Trove, or trust in us, is told before gigabytes are read
  const chosen = await chooseFormat(disk, request.format ?? 'auto', services, world);
  const image = await readImageToLoad(chosen, request, world);
  return await loadInto(services, image, request, world);
}

/** The same for a file that was read already, and a cloud that answers. */
export async function loadInto(
  services: ImageServices,
  image: ImageToLoad,
  request: LoadRequest,
  world: World,
): Promise<LoadedImageResult> {
  await demandFit(image, request, services);
  const wanted = await wantedLoad(image, request, services);
  const reading = await readCloud(wanted, image, services);
  const plan = planLoad(wanted, reading);
  if (plan.image.kind === 'upload') await demandRoom(image.disk, services);
  const selectedBefore = await selected(plan, wanted, reading, services);
  tellPlan(plan, wanted, world);
  const before = {image, plan, wanted, services, selectedBefore};
  if (request.dryRun) return resultOf(before);
  const order = {plan, wanted: image, newImageId: randomUUID(), fromUrl: request.fromUrl};
  const applied = await applyLoad(order, services, world);
  const activation = request.activate
    ? await activateVersion(
        services,
        {version: applied.version, image: applied.image, datastore: image.datastore},
        {evidence: image.disk.path, ...request},
        world,
      )
    : undefined;
  return resultOf({...before, applied, ...(activation ? {activation} : {})});
}

async function wantedLoad(image: ImageToLoad, request: LoadRequest, {session}: ImageServices): Promise<WantedLoad> {
  const shareWith = request.shareWith === undefined ? undefined : await findProject(session, request.shareWith);
  const visibility = request.visibility ?? (shareWith === undefined ? undefined : 'shared');
  if (shareWith !== undefined && visibility !== 'shared') {
    const problem = `an image that is ${visibility} is shared with nobody`;
    throw new UsageError('bad-argument', {argument: '--share-with', problem, next: 'leave --visibility away'});
  }
  return {
    datastore: image.datastore.name,
    version: image.version.version,
    image: wantedImage(image, {...request, visibility}),
    imageName: image.name,
    sizeBytes: image.disk.fileSizeBytes,
    parameters: image.parameters,
    selectTags: request.select === 'tags' ? selectTags(image.datastore, image.version.version) : [],
    ...(shareWith === undefined ? {} : {shareWith}),
  };
}

async function readCloud(
  wanted: WantedLoad,
  image: ImageToLoad,
  {glance, trove}: ImageServices,
): Promise<CloudReading> {
  const versions = await trove.list();
  const registered = findVersion(versions, wanted.datastore, wanted.version);
  const sameContent = await glance.list({trovestack_sha256: image.digests.sha256});
  const whole = sameContent.find(({id}) => id === registered?.imageId) ?? sameContent[0];
  const members = whole && wanted.shareWith !== undefined ? await glance.members(whole.id) : {};
  return {
    versions,
    sameContent,
    parameters: registered ? await trove.listParameters(registered.id) : [],
    now: await glance.now(),
    sharedWith: Object.keys(members).filter((project) => members[project] === 'accepted'),
  };
}

/** @throws {CloudError} `no-room` when Glance tells that it would refuse the upload */
async function demandRoom(disk: DiskFile, {session, glance}: ImageServices): Promise<void> {
  const problem = quotaProblem(await glance.quotas(), disk.fileSizeBytes);
  if (problem) throw new CloudError('no-room', {cloud: session.settings.name, problem});
}

/** The image that the version's tags select now, where it looks for one by tags or is going to. */
async function selected(
  {version: decision}: LoadPlan,
  {selectTags}: WantedLoad,
  {versions}: CloudReading,
  {glance}: ImageServices,
): Promise<{readonly tags: readonly string[]; readonly image: GlanceImage | undefined} | undefined> {
  const registered = decision.kind === 'create' ? undefined : versions.find(({id}) => id === decision.version.id);
  const tags = registered && isByTags(registered) ? registered.imageTags : selectTags;
  return tags.length === 0 ? undefined : {tags, image: await glance.selectedBy(tags)};
}

/** Every decision as an event, before the first of them is carried out. Parameters are told together. */
function tellPlan(plan: LoadPlan, wanted: WantedLoad, world: World): void {
  const {leftovers, image, version, parameters, heldTags} = plan;
  for (const leftover of leftovers) {
    if (leftover.kind === 'leave') tell('leave', `incomplete image ${leftover.image.id}`, leftover.reason);
  }
  if (image.kind === 'reuse') tell('reuse', `image ${image.image.name}`, 'the same content is in the cloud');
  for (const {id, kind, target, reason} of actionsOf(plan, wanted)) {
    if (!id.startsWith('parameter:')) tell(kind, target, reason);
  }
  if (heldTags.length > 0) tell('hold back', `tags ${heldTags.join(', ')}`, 'they would activate the image at once');
  const versionName = `datastore version ${wanted.datastore} ${wanted.version}`;
  if (version.kind === 'keep') tell('keep', versionName, version.reason);
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

interface Outcome {
  readonly image: ImageToLoad;
  readonly plan: LoadPlan;
  readonly wanted: WantedLoad;
  readonly services: ImageServices;
  readonly selectedBefore: Awaited<ReturnType<typeof selected>>;
  /** Absent after a dry run. */
  readonly applied?: AppliedLoad;
  readonly activation?: Activation;
}

function resultOf({image, plan, wanted, services, selectedBefore, applied, activation}: Outcome): LoadedImageResult {
  const {settings} = services.session;
  const actions = actionsOf(plan, wanted);
  const row = activation?.version ?? applied?.version ?? known(plan);
  const id = applied?.image.id ?? (plan.image.kind === 'upload' ? undefined : plan.image.image.id);
  const count = (kind: ParameterDecision['kind']) => plan.parameters.filter((one) => one.kind === kind).length;
  const before = selectedBefore?.image?.id ?? 'none';
  return {
    cloud: settings.name,
    ...(settings.region === undefined ? {} : {region: settings.region}),
    datastore: wanted.datastore,
    version: wanted.version,
    actions,
    image: {
      ...(id ? {id} : {}),
      name: applied?.image.name ?? nameOf(plan, image),
      sha256: image.digests.sha256,
      done: plan.image.kind,
    },
    registration: {
      ...(row ? {id: row.id} : {}),
      ...(row?.imageId ? {imageId: row.imageId} : {}),
      isActive: row?.isActive ?? false,
      isDefault: row?.isDefault ?? false,
      done: plan.version.kind,
    },
    ...(selectedBefore ? {selection: {tags: selectedBefore.tags, before, after: activation && id ? id : before}} : {}),
    parameters: {created: count('create'), updated: count('update'), kept: count('keep')},
    isChanged: actions.length > 0 || activation?.isChanged === true,
    isDryRun: applied === undefined,
    ...(activation ? {activation} : {}),
  };
}

function known({version}: LoadPlan): RegisteredVersion | undefined {
  return version.kind === 'create' ? undefined : version.version;
}

function nameOf({image}: LoadPlan, wanted: ImageToLoad): string {
  if (image.kind === 'upload') return wanted.name;
  return (image.kind === 'update' ? image.changes.name : undefined) ?? image.image.name;
}
