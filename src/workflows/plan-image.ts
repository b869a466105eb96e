import {type ArchiveState, archiveEpoch, archiveStateId} from '../archive/index.js';
import {
  canonicalJson,
  type DebianMirrors,
  debianMirrorsAmong,
  parseAptSources,
  readFileIfThere,
  type Sha256,
  UsageError,
  type World,
} from '../base/index.js';
import {type Element, type EvaluatedVariables, type Hook, hooksByPhase, noChanges} from '../element/index.js';
import {type ImageDefinition, isGuest, type TreeDefinition} from '../image/index.js';
import type {LockedSource} from '../lock/index.js';
import {
  type BuildRecord,
  type Generations,
  type Ground,
  type KnownResult,
  planResult,
  planTree,
  presentKeys,
  presentPlace,
  type RunResult,
  type Step,
  sourceInput,
  stepsBeforeCertainty,
  stepsOfTree,
  type TreeInputs,
  type TreePlan,
} from '../plan/index.js';
import type {ResultKind} from '../store/index.js';
import {billForm} from './bill-of-materials.js';
import {stepsOfBreaks} from './break-points.js';
import type {BuildPackages} from './build-packages.js';
import {evaluatedEnvironment, evaluatedSources} from './evaluate-environment.js';
import {readHookChanges} from './hook-changes.js';
import {engineTexts, imageVariables, treeVariables} from './hook-environment.js';
import {guestManifestBase} from './image-manifest.js';
import {type DiskPlan, diskKey, diskVariables, imageKey, type OutputPlan, planDisk} from './plan-disk.js';
import {preloadScripts} from './preload-container.js';
import {givenVariables, type ImageBlueprint, type PlanRequest} from './read-blueprint.js';
import type {MadeAnew} from './run-tree.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** One tree of an image, with all that running it needs. */
export interface PlannedTree {
  readonly plan: TreePlan;
  readonly elements: readonly Element[];
  readonly variables: Readonly<Record<string, string>>;
  readonly imageVariables: Readonly<Record<string, string>>;
  /** The variables as environment.d leaves them, as far as plans ask for them. */
  readonly evaluated: EvaluatedVariables;
  readonly hookLinks: readonly Hook[];
  /** As its hooks are to fetch them. */
  readonly sources: readonly LockedSource[];
  /** How many of its steps are certain; what the rest is shows when these have run. Undefined: all are. */
  readonly certainSteps: number | undefined;
  /** Seconds since 1970 that everything in it is dated with. */
  readonly epoch: number;
  /** Of Debian, whose packages it consists of. */
  readonly release?: string;
}

export interface PlannedImage {
  readonly definition: ImageDefinition;
  readonly disk: DiskPlan;
  readonly output: OutputPlan;
  /** Of the disk, whatever forms it is written in. */
  readonly diskKey: Sha256;
  /** Of the database container, where the image carries one. */
  readonly container?: PlannedTree;
  /** Of the image itself. */
  readonly root: PlannedTree;
  /** The finished image in the store, and why its disk is to be assembled if it is. */
  readonly image: {readonly kind: 'reuse'; readonly key: Sha256} | (RunResult & {readonly reason: string});
}

/** What a build will do: the image's trees step by step, and its disk.
 * @param anew What the build makes, and has made so far.
 * @throws {UsageError} `unknown-step`, `no-mirror`, `bad-condition`
 */
export async function planImage(
  blueprint: ImageBlueprint,
  rebuild: PlanRequest['rebuild'],
  workshop: Workshop,
  tools: ToolsRoot,
  packages: BuildPackages,
  world: World,
  anew: MadeAnew = {generation: 'to come', made: new Set()},
): Promise<PlannedImage> {
  const {definition, containerElements, elements, devices, output} = blueprint;
  const generations = await workshop.store.generations();
  const planner = {definition, rebuild, workshop, tools, packages, world, anew, generations, words: {}};
  const container = isGuest(definition)
    ? await planOne(definition.purpose.container.tree, containerElements, {kind: 'container'}, {}, planner)
    : undefined;
  const kind = treeKind(definition, elements, container);
  const root = await planOne(definition.tree, elements, kind, diskVariables(devices), planner);
  const plans = [...(container ? [container.plan] : []), root.plan];
  checkRebuild(rebuild, [...(container ? [container] : []), root]);
  const disk = planDisk(definition, devices, elements, root.evaluated);
  const ofDisk = diskKey(root.plan.identity, disk, tools.identity);
  const image = await planFinished(imageKey(ofDisk, output), plans, root.plan.top, planner);
  return {definition, disk, output, ...(container ? {container} : {}), root, diskKey: ofDisk, image};
}

function treeKind(
  definition: ImageDefinition,
  elements: readonly Element[],
  container: PlannedTree | undefined,
): TreeInputs['kind'] {
  if (!isGuest(definition) || !container) return {kind: 'elements'};
  const {tree, settings} = definition.purpose.container;
  return {
    kind: 'guest',
    container: {
      name: tree.name,
      identity: container.plan.identity,
      top: container.plan.top,
      settings: canonicalJson(settings),
      scripts: preloadScripts,
    },
    manifest: canonicalJson(guestManifestBase(definition, elements)),
    billForm,
  };
}

interface Planner {
  readonly definition: ImageDefinition;
  readonly rebuild: PlanRequest['rebuild'];
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly packages: BuildPackages;
  readonly world: World;
  readonly anew: MadeAnew;
  /** As they were when this plan was begun. */
  readonly generations: Generations;
  /** What to say of changed inputs, by their names. */
  readonly words: Readonly<Record<string, string>>;
}

async function planOne(
  tree: TreeDefinition,
  elements: readonly Element[],
  kind: TreeInputs['kind'],
  ofDisk: Readonly<Record<string, string>>,
  planner: Planner,
): Promise<PlannedTree> {
  const {definition, workshop, tools, packages, world} = planner;
  const ofImage = {...imageVariables(tree, elements), ...ofDisk};
  const asked = treeVariables(tree, definition);
  const evaluate = (variables: Readonly<Record<string, string>>, epoch: number) =>
    evaluatedEnvironment(elements, {...variables, ...ofImage}, epoch, workshop, tools, world);
  const archive = await packageArchive(await evaluate(asked, 0), tools, packages, world);
  const variables = {...archive.variables, ...asked};
  const epoch = archiveEpoch(archive.state);
  const evaluated = await evaluate(variables, epoch);
  const wanted = await evaluatedSources(elements, {...variables, ...ofImage}, epoch, workshop, tools, world);
  const sources = await packages.sources.settle(wanted, tools);
  const inputs: TreeInputs = {
    elements,
    variables,
    imageVariables: ofImage,
    evaluated: {...variables, ...ofImage, ...evaluated},
    hookChanges: noChanges,
    packages: tree.packages ?? [],
    toolsIdentity: tools.identity,
    engine: engineTexts,
    archive: archiveStateId(archive.state),
    sources: Object.fromEntries(sources.map((source) => [source.name, canonicalJson(source)])),
    kind,
  };
  const words: Record<string, string> = archive.reason === undefined ? {} : {'package archive': archive.reason};
  for (const source of sources) {
    const reason = packages.sources.reason(source);
    if (reason !== undefined) words[sourceInput(source.name)] = reason;
  }
  const {plan, certainSteps} = await planInStages(tree.name, inputs, {...planner, words});
  const hookLinks = [...hooksByPhase(elements, inputs.evaluated).values()].flat().filter((hook) => hook.linkedFrom);
  const {release} = archive;
  return {
    ...{
      plan,
      elements,
      variables,
      imageVariables: ofImage,
      evaluated: inputs.evaluated,
      hookLinks,
      sources,
      certainSteps,
    },
    epoch,
    ...(release ? {release} : {}),
  };
}

/** Plans a tree from its elements; and once the results of extra-data.d are there, with the hooks that they brought. */
async function planInStages(name: string, inputs: TreeInputs, planner: Planner) {
  const steps = stepsOfTree(inputs);
  const plan = await planSteps(name, steps, planner);
  const certain = stepsBeforeCertainty(steps);
  const first = plan.decisions.slice(0, certain);
  if (first.some(({kind}) => kind === 'run')) return {plan, certainSteps: certain};
  const hookChanges = await readHookChanges(first, inputs.elements, planner.workshop, planner.tools, planner.world);
  const {added, removed, replaced} = hookChanges;
  if (added.length + removed.length + replaced.length === 0) return {plan, certainSteps: undefined};
  return {plan: await planSteps(name, stepsOfTree({...inputs, hookChanges}), planner), certainSteps: undefined};
}

async function planSteps(name: string, steps: readonly Step[], planner: Planner): Promise<TreePlan> {
  const {rebuild, workshop, anew, generations} = planner;
  const found = await findResults('steps', [...presentKeys(steps, generations), ...anew.made], workshop);
  const ids = steps.map(({id}) => id);
  const broken = stepsOfBreaks(ids, workshop.conditions.breaks).map(({step}) => step);
  return planTree(name, steps, {
    find: (key) => found.get(key),
    generations,
    generation: anew.generation,
    last: await workshop.store.readBuild<BuildRecord>(name),
    rebuild: rebuild === true ? 'all' : new Set(rebuild || []),
    broken: new Set(broken),
    words: planner.words,
  });
}

type Found = KnownResult | 'damaged' | undefined;

/** What the store has of the keys. A build at work commits a result before those on top of it: what is missing below a result
 * that is there is looked for once more, and gone then.
 */
async function findResults(
  kind: ResultKind,
  keys: readonly Sha256[],
  {store}: Workshop,
): Promise<ReadonlyMap<Sha256, Found>> {
  const find = async (key: Sha256): Promise<Found> => {
    const result = await store.find(kind, key);
    if (result || !(await store.has(kind, key))) return result;
    return (await store.find(kind, key)) ?? 'damaged'; // or it has just come
  };
  const first = await Promise.all(keys.map(find));
  const last = first.findLastIndex((result) => result !== undefined);
  const found = await Promise.all(keys.map(async (key, i) => first[i] ?? (i < last ? await find(key) : undefined)));
  return new Map(keys.map((key, i) => [key, found[i]]));
}

interface TreeArchive {
  readonly variables: Readonly<Record<string, string>>;
  readonly state: ArchiveState;
  readonly reason?: string;
  /** Of Debian. */
  readonly release?: string;
}

/** Where a tree's packages come from, as its environment.d tells. For another distribution than Debian the person's own
 * variables are all that is known.
 */
async function packageArchive(
  evaluated: EvaluatedVariables,
  tools: ToolsRoot,
  packages: BuildPackages,
  world: World,
): Promise<TreeArchive> {
  packages.tools = tools;
  const release = evaluated.DIB_RELEASE ?? '';
  const isDebian = (evaluated.DISTRO_NAME ?? 'debian') === 'debian' && release !== '';
  if (!isDebian) {
    return {variables: givenVariables(world.env, ['DIB_DISTRIBUTION_MIRROR']), state: {suites: []}};
  }
  packages.mirrors ??= await mirrorsOf(tools);
  const {mirrors} = packages;
  const settled = await packages.settle(release, tools);
  return {
    ...settled,
    release,
    variables: {DIB_DISTRIBUTION_MIRROR: mirrors.archive, DIB_DEBIAN_SECURITY_MIRROR: mirrors.security},
  };
}

/** The mirrors that mmdebstrap chose for the tools root, for a machine that names none. */
async function mirrorsOf(tools: ToolsRoot): Promise<DebianMirrors> {
  const [root = ''] = tools.tree.layers.slice(-1);
  const sources = (await readFileIfThere(`${root}/etc/apt/sources.list`)) ?? '';
  const chosen = debianMirrorsAmong(parseAptSources(sources, 'one-line'));
  if (!chosen) throw new UsageError('no-mirror', {variable: 'DIB_DISTRIBUTION_MIRROR'});
  return chosen;
}

/** Asked of certain plans alone: a hook may still bring the step that is named. */
function checkRebuild(rebuild: PlanRequest['rebuild'], trees: readonly PlannedTree[]): void {
  if (!rebuild || rebuild === true || trees.some(({certainSteps}) => certainSteps !== undefined)) return;
  const known = trees.flatMap(({plan}) => plan.decisions.map(({step}) => step.id));
  const unknown = rebuild.find((id) => !known.includes(id));
  if (unknown)
    throw new UsageError('unknown-step', {step: unknown, known: known.filter((id) => !id.startsWith('engine/'))});
}

/** Decides the disk, which stands on the image's tree. */
async function planFinished(
  identity: Sha256,
  trees: readonly TreePlan[],
  ground: Ground,
  {workshop, anew, generations}: Planner,
): Promise<PlannedImage['image']> {
  const {key} = presentPlace(identity, ground.generations, generations);
  const found = await findResults('images', [key], workshop);
  const known = {find: (one: Sha256) => found.get(one), generations, generation: anew.generation};
  const {top: _, ...result} = planResult(identity, ground, false, known);
  if (result.kind === 'reuse') return result;
  const reasons = trees.flatMap(({decisions}) => decisions.flatMap((d) => (d.kind === 'run' ? [d.reason] : [])));
  if (result.isDamaged && reasons.length === 0) return {...result, reason: 'its result is damaged'};
  const isFirst = !result.isAnew && reasons.every((reason) => reason === 'not built before');
  return {...result, reason: isFirst ? 'not built before' : 'follows a changed step'};
}
