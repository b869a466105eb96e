import {resolve} from 'node:path';
import type {World} from '../base/index.js';
import type {Reach} from '../element/index.js';
import type {StepDecision} from '../plan/index.js';
import {BuildPackages, type LockChoices} from './build-packages.js';
import {type PlannedImage, planImage} from './plan-image.js';
import {type PlanRequest, readBlueprint, toolsFor} from './read-blueprint.js';
import {ensureToolsRoot} from './tools-root.js';
import {openWorkshop} from './workshop.js';

export interface PlannedSteps {
  readonly image: string;
  readonly steps: readonly {
    readonly tree: string;
    readonly step: string;
    /** Of its result; absent for one that is made anew, whose key the build chooses. */
    readonly key?: string;
    readonly act: 'run' | 'reuse';
    /** Why it runs; absent when it doesn't. */
    readonly reason?: string;
    /** The package archive alone, or the network. */
    readonly reach: Reach;
    /** Hooks of extra-data.d have to run first: they may bring hooks, or take some away. */
    readonly isUncertain?: true;
  }[];
}

/** The plan that a build would run, as a value; nothing of the image is built. */
export async function showPlan(request: PlanRequest & LockChoices, world: World): Promise<PlannedSteps> {
  const blueprint = await readBlueprint(request, world);
  await using workshop = await openWorkshop(world);
  const lockFile = resolve(request.lockFile ?? `${blueprint.definition.name}.lock.yaml`);
  await using packages = await BuildPackages.open(blueprint, request, lockFile, workshop, world);
  const tools = await ensureToolsRoot(toolsFor(blueprint), workshop, world, packages.toolsSource);
  return stepsOf(await planImage(blueprint, request.rebuild, workshop, tools, packages, world));
}

function stepsOf({definition, container, root, image}: PlannedImage): PlannedSteps {
  const steps = [container, root]
    .filter((planned) => planned !== undefined)
    .flatMap(({plan: {tree, decisions}, certainSteps = decisions.length}) =>
      decisions.map((decision, index) => ({
        tree,
        step: decision.step.id,
        ...told(decision),
        reach: decision.step.reach,
        ...(index < certainSteps ? {} : {isUncertain: true as const}),
      })),
    );
  const disk = {tree: definition.name, step: 'disk', ...told(image), reach: 'none'} as const;
  return {image: definition.name, steps: [...steps, disk]};
}

function told(
  decision: PlannedImage['image'] | StepDecision,
): Pick<PlannedSteps['steps'][number], 'key' | 'act' | 'reason'> {
  const {kind: act, key} = decision;
  if (decision.kind === 'reuse') return {key, act};
  return {...(decision.isAnew ? {} : {key}), act, reason: decision.reason};
}
