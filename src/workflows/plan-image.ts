import {
  canonicalJson,
  type DebianMirrors,
  debianMirrorsAmong,
  debianSourceLines,
  type Environment,
  findDebianMirrors,
  parseAptSources,
  readFileIfThere,
  type Sha256,
  UsageError,
  type World,
} from '../base/index.js';
import {chooseVersion, readCatalogue} from '../datastore/index.js';
import {type Element, readElements, resolveElements} from '../element/index.js';
import {defineImage, type ImageChoices, type ImageDefinition, type TreeDefinition} from '../image/index.js';
import {type BuildRecord, keysOf, planTree, stepsOfTree, type TreeInputs, type TreePlan} from '../plan/index.js';
import {diskKey} from './assemble-disk.js';
import {evaluatedEnvironment} from './evaluate-environment.js';
import {imageVariables, treeVariables} from './hook-environment.js';
import {manifestBase} from './image-manifest.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

export interface PlanRequest extends ImageChoices {
  /** `mariadb` or `mariadb:11.8`. */
  readonly datastore: string;
  readonly version?: string;
  /** Folders of elements that come before ours. */
  readonly elementsPath?: readonly string[];
  /** Steps to run again whatever the store has; `true` for all. */
  readonly rebuild?: boolean | readonly string[];
}

/** One tree of an image, with all that running it needs. */
export interface PlannedTree {
  readonly plan: TreePlan;
  readonly elements: readonly Element[];
  readonly variables: Readonly<Record<string, string>>;
  readonly imageVariables: Readonly<Record<string, string>>;
}

export interface PlannedImage {
  readonly definition: ImageDefinition;
  readonly container: PlannedTree;
  readonly guest: PlannedTree;
  /** Of the finished image in the store. */
  readonly imageKey: Sha256;
  /** Why the disk is to be assembled; undefined when the store has it. */
  readonly diskReason: string | undefined;
}

/** What a person asked for, read and found to make sense; nothing of the machine was needed for it. */
export interface ImageBlueprint {
  readonly definition: ImageDefinition;
  readonly containerElements: readonly Element[];
  readonly guestElements: readonly Element[];
}

/** @throws {UsageError} `unknown-datastore`, `unknown-version`, `no-such-image`, `unknown-element`, `clashing-elements`, … */
export async function readBlueprint(request: PlanRequest, world: World): Promise<ImageBlueprint> {
  const catalogue = await readCatalogue(world.paths.home);
  const name = request.version === undefined ? request.datastore : `${request.datastore}:${request.version}`;
  const environment = {...dibVariables(world.env), ...request.environment};
  const definition = defineImage(chooseVersion(catalogue, name), {...request, environment});
  const searchPath = elementsPath(request, world);
  const elementsOf = async ({elements}: TreeDefinition) =>
    resolveElements(elements, await readElements(elements, searchPath));
  const containerElements = await elementsOf(definition.container.tree);
  return {definition, containerElements, guestElements: await elementsOf(definition.tree)};
}

/** The person's own `DIB_*` variables, which elements are configured by. Those of places are this program's to say. */
function dibVariables(env: Environment): Record<string, string> {
  const ours = /^DIB_(DISTRIBUTION_MIRROR|DEBIAN_SECURITY_MIRROR|IMAGE_CACHE|LOCKFILES|RELEASE)$/;
  const entries = Object.entries(env).filter(([name]) => /^DIB_\w+$/.test(name) && !ours.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

/** What a build will do: the image's two trees step by step, and its disk.
 * @throws {UsageError} `unknown-step`, `no-mirror`
 */
export async function planImage(
  blueprint: ImageBlueprint,
  rebuild: PlanRequest['rebuild'],
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<PlannedImage> {
  const {definition, containerElements, guestElements} = blueprint;
  const planner = {definition, rebuild, mirrors: await mirrorsFor(tools, world), workshop, tools, world};
  const container = await planOne(definition.container.tree, containerElements, {kind: 'container'}, planner);
  const guest = await planOne(
    definition.tree,
    guestElements,
    {
      kind: 'guest',
      container: {
        name: definition.container.tree.name,
        key: container.plan.resultKey,
        settings: canonicalJson(definition.container.settings),
      },
      manifest: canonicalJson(manifestBase(definition, guestElements)),
    },
    planner,
  );
  checkRebuild(rebuild, [container.plan, guest.plan]);
  const imageKey = diskKey(guest.plan.resultKey, definition, tools.identity);
  const diskReason = await reasonForDisk(imageKey, [container.plan, guest.plan], workshop);
  return {definition, container, guest, imageKey, diskReason};
}

/** Where elements are looked for: as asked, then `ELEMENTS_PATH`, then ours. */
export function elementsPath(request: Pick<PlanRequest, 'elementsPath'>, world: World): string[] {
  const fromEnvironment = (world.env.ELEMENTS_PATH ?? '').split(':').filter(Boolean);
  return [...(request.elementsPath ?? []), ...fromEnvironment, `${world.paths.home}/elements`];
}

/** The mirrors that packages come from; where this machine names none, those that mmdebstrap chose for the tools root. */
async function mirrorsFor(tools: ToolsRoot, world: World): Promise<DebianMirrors> {
  const known = await findDebianMirrors(world.env);
  if (known) return known;
  const [root = ''] = tools.tree.layers.slice(-1);
  const sources = (await readFileIfThere(`${root}/etc/apt/sources.list`)) ?? '';
  const chosen = debianMirrorsAmong(parseAptSources(sources, 'one-line'));
  if (!chosen) throw new UsageError('no-mirror', {variable: 'DIB_DISTRIBUTION_MIRROR'});
  return chosen;
}

interface Planner {
  readonly definition: ImageDefinition;
  readonly rebuild: PlanRequest['rebuild'];
  readonly mirrors: DebianMirrors;
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly world: World;
}

async function planOne(
  tree: TreeDefinition,
  elements: readonly Element[],
  kind: TreeInputs['kind'],
  {definition, rebuild, mirrors, workshop, tools, world}: Planner,
): Promise<PlannedTree> {
  const variables = treeVariables(tree, definition, mirrors);
  const ofImage = imageVariables(tree, elements);
  const steps = stepsOfTree({
    elements,
    variables,
    imageVariables: ofImage,
    evaluated: await evaluatedEnvironment(elements, {...variables, ...ofImage}, workshop, tools, world),
    toolsIdentity: tools.identity,
    sources: debianSourceLines(definition.release, mirrors),
    release: definition.release,
    kind,
  });
  const present = await Promise.all(
    keysOf(steps).map(async (key) => ((await workshop.store.find('steps', key)) ? key : undefined)),
  );
  const known = new Set(present);
  const plan = planTree(tree.name, steps, {
    has: (key) => known.has(key),
    last: await workshop.store.readBuild<BuildRecord>(tree.name),
    rebuild: rebuild === true ? 'all' : new Set(rebuild || []),
  });
  return {plan, elements, variables, imageVariables: ofImage};
}

function checkRebuild(rebuild: PlanRequest['rebuild'], plans: readonly TreePlan[]): void {
  if (!rebuild || rebuild === true) return;
  const known = plans.flatMap((plan) => plan.decisions.map(({step}) => step.id));
  const unknown = rebuild.find((id) => !known.includes(id));
  if (unknown)
    throw new UsageError('unknown-step', {step: unknown, known: known.filter((id) => !id.startsWith('engine/'))});
}

async function reasonForDisk(key: Sha256, plans: readonly TreePlan[], workshop: Workshop): Promise<string | undefined> {
  const reasons = plans.flatMap(({decisions}) => decisions.flatMap((d) => (d.kind === 'run' ? [d.reason] : [])));
  const isFirst = reasons.every((reason) => reason === 'not built before');
  if (reasons.length > 0) return isFirst ? 'not built before' : 'follows a changed step';
  return (await workshop.store.find('images', key)) ? undefined : 'not built before';
}
