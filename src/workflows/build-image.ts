import {randomBytes} from 'node:crypto';
import {chmod, writeFile} from 'node:fs/promises';
import {basename, dirname, resolve} from 'node:path';
import type {Deb} from '../archive/index.js';
import {Bug, type Sha256, type World} from '../base/index.js';
import {readDiskFile} from '../disk/index.js';
import {type ImageDefinition, isDiskFormat, isGuest, withoutEnding} from '../image/index.js';
import {isMadeOn, recordOf, type TreePlan} from '../plan/index.js';
import {type StoredResult, storeError} from '../store/index.js';
import {AptIndexes} from './apt-indexes.js';
import {assembleDisk, configurationParameters, type ImageFacts} from './assemble-disk.js';
import {readBills} from './bill-of-materials.js';
import {breaksWithoutStep, stepsOfBreaks} from './break-points.js';
import {BuildPackages, type LockChoices} from './build-packages.js';
import {checkDestination, type DeliveredImage, type Delivery, deliveredPath, deliverImage} from './deliver-image.js';
import {answeredPrograms} from './hook-environment.js';
import {manifestBase} from './image-manifest.js';
import {keepImageRecord} from './image-record.js';
import {inventoryResults, type ResultPlace} from './inventory-results.js';
import {copyElements} from './lay-out-elements.js';
import {type PlannedImage, type PlannedTree, planImage} from './plan-image.js';
import {type ImageBlueprint, type PlanRequest, readBlueprint, toolsFor} from './read-blueprint.js';
import type {StepContext, StepFacts} from './run-step.js';
import {type BuiltTree, type MadeAnew, runTree} from './run-tree.js';
import {isSigned, writePassport} from './sign-image.js';
import {defaultKey, hasDefaultKey, openSigningKey, type SigningKey} from './signing-keys.js';
import {ensureToolsRoot, type ToolsRoot} from './tools-root.js';
import {type BuildConditions, openWorkshop, type Workshop} from './workshop.js';

export type BuildRequest = PlanRequest &
  LockChoices & {
    /** Default: named after the image, in the current folder. With several formats each adds its own ending, in place of one
     * that the name has. */
    readonly outputFile?: string;
    /** Also write `FILE.md5` and `FILE.sha256`. */
    readonly hasChecksums?: boolean;
    /** Rename a file that is there instead of replacing it. */
    readonly keepsOlder?: boolean;
    /** Name of the key that guest images are signed with, or false for none; default: the default key where there is one. */
    readonly sign?: string | false;
    readonly conditions?: BuildConditions;
  };

/** An image of any kind, with its first file. */
export interface BuiltImage {
  readonly image: string;
  readonly file: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** Of the disk; absent when none was asked for. */
  readonly virtualSizeBytes?: number;
  /** All files; the first of them is the one above. */
  readonly files: readonly DeliveredImage[];
  /** What it was made from, by digests. */
  readonly lockFile: string;
  /** Absent when it wasn't signed. */
  readonly signedBy?: {readonly keyId: Sha256; readonly keyName: string};
  readonly architecture: string;
  readonly stepsRun: number;
  readonly stepsReused: number;
  /** Whether the file had the same content before. */
  readonly isUnchanged: boolean;
}

export interface BuiltGuest extends BuiltImage {
  readonly datastore: string;
  readonly version: string;
  readonly series: string;
  readonly distribution: string;
  readonly release: string;
}

/** Builds an image: plans it, runs what the store hasn't, assembles the disk, and puts the file in its place.
 * A file that was there is replaced only when its successor is whole.
 * @throws {UsageError} as `planImage`; `bad-argument` for an output file that cannot be one; `not-a-store`
 * @throws {StepError} `hook-failed`, `step-failed`, `environment-failed`
 * @throws {HostError} `not-root`, `mirror-unreachable`, `disk-full`, `no-access`, …
 */
export function buildImage(request: BuildRequest & {readonly kind: 'datastore'}, world: World): Promise<BuiltGuest>;
export function buildImage(request: BuildRequest, world: World): Promise<BuiltImage>;
export async function buildImage(request: BuildRequest, world: World): Promise<BuiltImage | BuiltGuest> {
  const blueprint = await readBlueprint(request, world);
  const built = await build(blueprint, request, world);
  if (!isGuest(blueprint.definition)) return built;
  const {datastore, version, series, distribution, release} = blueprint.definition.purpose;
  return {...built, datastore, version, series, distribution, release};
}

async function build(blueprint: ImageBlueprint, request: BuildRequest, world: World): Promise<BuiltImage> {
  const delivery = planDelivery(blueprint, request);
  for (const format of blueprint.output.formats) await checkDestination(deliveredPath(delivery, format));
  const key = isGuest(blueprint.definition) ? await keyFor(request, world) : undefined;
  await using workshop = await openWorkshop(world, request.conditions);
  const lockFile = resolve(request.lockFile ?? `${delivery.stem}.lock.yaml`);
  await using packages = await BuildPackages.open(blueprint, request, lockFile, workshop, world);
  const tools = await ensureToolsRoot(toolsFor(blueprint), workshop, world, packages.toolsSource);
  const anew = {generation: randomBytes(8).toString('hex'), made: new Set<Sha256>()};
  const replan = () => planImage(blueprint, request.rebuild, workshop, tools, packages, world, anew);
  const planned = await replan();
  const {definition} = planned;
  const decisions = plansOf(planned).flatMap((plan) => plan.decisions);
  const reused = decisions.filter(({kind}) => kind === 'reuse').length + (planned.image.kind === 'reuse' ? 1 : 0);
  world.emit({type: 'plan ready', image: definition.name, steps: decisions.length + 1, reused});

  const found = await findOrBuild(planned, replan, {workshop, tools, packages, world, anew}).catch((error: unknown) => {
    throw storeError(error, workshop.store.folder);
  });
  const {image, steps, stepsRun} = found;
  await packages.writeLock(await packagesOf(found.planned, workshop), planned.root.release);
  const files = await deliverImage(image, delivery, world.signal);
  const [first] = files;
  if (!first) throw new Bug('image-without-files', {image: definition.name});
  const {virtualSizeBytes} = image.facts;
  await keepImageRecord(found.planned, image.facts.outputs, files, workshop.store);
  if (key) await sign(files, key, lockFile, workshop, world);
  return {
    ...first,
    ...(virtualSizeBytes === undefined ? {} : {virtualSizeBytes}),
    files,
    lockFile,
    ...(key ? {signedBy: {keyId: key.id, keyName: key.name}} : {}),
    image: definition.name,
    architecture: definition.architecture,
    stepsRun,
    stepsReused: steps - stepsRun,
  };
}

/** @throws {UsageError} `unknown-key`, `unusable-key` */
async function keyFor({sign}: BuildRequest, world: World): Promise<SigningKey | undefined> {
  if (sign === false) return undefined;
  if (sign === undefined && !(await hasDefaultKey(world))) return undefined;
  return await openSigningKey(sign ?? defaultKey, world);
}

/** Signs those of an image's files that are disks: what the others hold can't be read back. */
async function sign(
  files: readonly DeliveredImage[],
  key: SigningKey,
  lockFile: string,
  workshop: Workshop,
  world: World,
): Promise<void> {
  for (const {file, format, sha256, isUnchanged} of files) {
    if (!isDiskFormat(format)) continue;
    if (isUnchanged && (await isSigned(file, sha256, key, lockFile, world))) continue;
    const {passport} = await writePassport(await readDiskFile(file), key, {lockFile}, workshop, world);
    world.emit({type: 'note', text: `signed with the key ${key.name}: ${passport}`});
  }
}

/** Where files go. One format takes the name as it was typed; several take their endings in its place. */
function planDelivery({definition, output}: ImageBlueprint, request: BuildRequest): Delivery {
  const {outputFile, hasChecksums = false, keepsOlder = false} = request;
  const path = resolve(outputFile ?? definition.name);
  const isOne = output.formats.length === 1 && outputFile !== undefined;
  const stem = outputFile === undefined ? path : withoutEnding(path);
  return {stem, ...(isOne ? {file: path} : {}), hasChecksums, keepsOlder, hasManifest: isGuest(definition)};
}

/** The package files that an image's steps took, in this build or in earlier ones. */
async function packagesOf(planned: PlannedImage, {store}: Workshop): Promise<Deb[]> {
  const keys = plansOf(planned).flatMap(({decisions}) => decisions.map(({key}) => key));
  const results = await Promise.all(keys.map((key) => store.find<StepFacts>('steps', key)));
  return results.flatMap((result) => result?.facts.packages ?? []);
}

interface FoundOrBuilt {
  /** Certain to its last step. */
  readonly planned: PlannedImage;
  readonly image: StoredResult<ImageFacts>;
  /** All of the plan; the disk counts as one. */
  readonly steps: number;
  readonly stepsRun: number;
}

async function findOrBuild(
  first: PlannedImage,
  replan: () => Promise<PlannedImage>,
  build: Build,
): Promise<FoundOrBuilt> {
  const {workshop, tools, packages, world, anew} = build;
  const {store} = workshop;
  const {planned, stepsRun: stepsRunBefore} = await untilCertain(first, replan, build);
  const ids = plansOf(planned).flatMap(({decisions}) => decisions.map(({step}) => step.id));
  for (const name of breaksWithoutStep(ids, workshop.conditions.breaks)) {
    world.emit({type: 'warning', text: `break=${name} opens no shell: the image has no step of that phase`});
  }
  const steps = ids.length + 1;
  const {definition, disk, output, diskKey, image: decision} = planned;
  const {key} = decision;
  if (decision.kind === 'reuse') {
    const known = await store.find<ImageFacts>('images', key);
    if (!known) throw new Bug('planned-image-gone', {key});
    return {planned, image: known, steps, stepsRun: stepsRunBefore};
  }
  if (plansOf(planned).some(({decisions}) => decisions.some(({kind}) => kind === 'run'))) await packages.ready(tools);
  const container = planned.container && (await buildTree(planned.container, definition, build));
  const tree = await buildTree(planned.root, definition, build, {container});
  const stepsRun = stepsRunBefore + (container?.stepsRun ?? 0) + tree.stepsRun;
  await using _lock = await store.lock(key, `the disk of image "${definition.name}"`, world.signal);
  const madeMeanwhile = await store.find<ImageFacts>('images', key);
  if (madeMeanwhile) {
    if (!isMadeOn(madeMeanwhile, [tree.instance])) throw new Bug('result-on-another', {step: 'disk', key});
    return {planned, image: madeMeanwhile, steps, stepsRun};
  }
  const sidecar = {
    ...manifestBase(definition, planned.root.elements),
    configurationParameters: await configurationParameters(definition, tree.layers),
  };
  const logFolder = store.logFolder(definition.name);
  const companions = await readBills(tree.layers);
  const {reason} = decision;
  const replaces = decision.replaces && {first: decision.replaces, generation: anew.generation};
  const what = {key, replaces, diskKey, definition, disk, output, tree, sidecar, companions, reason};
  const image = await withInventory(plansOf(planned), {workshop, tools, world}, () =>
    assembleDisk({...what, workshop, tools, world, logFolder}),
  );
  return {planned, image, steps, stepsRun: stepsRun + 1};
}

/** Takes stock of the steps' results while the disk is made, and of the disk. */
async function withInventory<T extends StoredResult<object>>(
  plans: readonly TreePlan[],
  {workshop, tools, world}: Pick<Build, 'workshop' | 'tools' | 'world'>,
  assemble: () => Promise<T>,
): Promise<T> {
  const keys = new Set(plans.flatMap(({decisions}) => decisions.map(({key}) => key)));
  const steps = [...keys].map(
    (key) => ({kind: 'steps', key, folder: `${workshop.store.folder}/steps/${key}`}) as const,
  );
  const roots = tools.tree.layers.map((layer) => resultAt(dirname(layer)));
  const results = [...steps, ...roots];
  const [stock, image] = await Promise.allSettled([inventoryResults(results, workshop, tools, world), assemble()]);
  if (image.status === 'rejected') throw image.reason;
  if (stock.status === 'rejected') throw stock.reason;
  await inventoryResults([{kind: 'images', ...image.value}], workshop, tools, world);
  return image.value;
}

/** A root of the store by its folder. */
function resultAt(folder: string): ResultPlace {
  return {kind: 'roots', key: basename(folder) as Sha256, folder};
}

function plansOf({container, root}: PlannedImage): TreePlan[] {
  return [...(container ? [container.plan] : []), root.plan];
}

/** Runs what has to be run before the plan is certain, and plans again, until it is. */
async function untilCertain(
  first: PlannedImage,
  replan: () => Promise<PlannedImage>,
  build: Build,
): Promise<{readonly planned: PlannedImage; readonly stepsRun: number}> {
  let planned = first;
  let stepsRun = 0;
  for (;;) {
    const {definition, container, root} = planned;
    const open = [container, root].find((tree) => tree?.certainSteps !== undefined);
    if (!open) return {planned, stepsRun};
    await build.packages.ready(build.tools);
    stepsRun += (await buildTree(open, definition, build, {steps: open.certainSteps})).stepsRun;
    planned = await replan();
  }
}

interface Build {
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly packages: BuildPackages;
  readonly world: World;
  readonly anew: MadeAnew;
}

async function buildTree(
  tree: PlannedTree,
  definition: ImageDefinition,
  {workshop, tools, packages, world, anew}: Build,
  {container, steps}: {readonly container?: BuiltTree | undefined; readonly steps?: number | undefined} = {},
): Promise<BuiltTree> {
  const {plan, elements, hookLinks, sources, variables, imageVariables, epoch} = tree;
  const {shellAt, breaks} = workshop.conditions;
  const ids = plan.decisions.map(({step}) => step.id);
  const context: StepContext = {
    workshop,
    tools,
    packages,
    indexes: new AptIndexes(workshop, packages, workshop.store.logFolder(plan.tree), world),
    world,
    image: plan.tree,
    variables,
    imageVariables,
    sources,
    answered: await writeAnsweredPrograms(workshop),
    elements: await copyElements(elements, workshop),
    logFolder: workshop.store.logFolder(plan.tree),
    shells: [...(shellAt ? [shellAt] : []), ...stepsOfBreaks(ids, breaks)],
    nothing: await workshop.work.newFolder(),
  };
  const job = {definition, plan, elements, hookLinks, epoch, context, anew, steps};
  const built = await runTree({...job, ...(container ? {container} : {})});
  if (steps === undefined) await workshop.store.writeBuild(plan.tree, recordOf(plan));
  return built;
}

async function writeAnsweredPrograms(workshop: Workshop): Promise<string> {
  const folder = await workshop.work.newFolder();
  for (const [name, text] of Object.entries(answeredPrograms)) {
    await writeFile(`${folder}/${name}`, text);
    await chmod(`${folder}/${name}`, 0o755);
  }
  return folder;
}
