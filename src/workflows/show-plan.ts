import {resolve} from 'node:path';
import type {World} from '../base/index.js';
import type {Reach} from '../element/index.js';
import {BuildPackages, type LockChoices} from './build-packages.js';
import {type PlannedImage, type PlanRequest, planImage, readBlueprint, toolsFor} from './plan-image.js';
import {ensureToolsRoot} from './tools-root.js';
import {openWorkshop} from './workshop.js';

export interface PlannedSteps {
  readonly image: string;
  readonly steps: readonly {
    readonly tree: string;
    readonly step: string;
    readonly key: string;
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

function stepsOf({definition, container, root, imageKey, diskReason}: PlannedImage): PlannedSteps {
  const steps = [container, root]
    .filter((planned) => planned !== undefined)
    .flatMap(({plan: {tree, decisions}, certainSteps = decisions.length}) =>
      decisions.map((decision, index) => ({
        tree,
        step: decision.step.id,
        key: decision.key as string,
        act: decision.kind,
        ...(decision.kind === 'run' ? {reason: decision.reason} : {}),
        reach: decision.step.reach,
        ...(index < certainSteps ? {} : {isUncertain: true as const}),
      })),
    );
  const act = diskReason === undefined ? 'reuse' : 'run';
  const reason = diskReason === undefined ? {} : {reason: diskReason};
  const disk = {
    tree: definition.name,
    step: 'disk',
    key: imageKey as string,
    act,
    ...reason,
    reach: 'none',
  } as const;
  return {image: definition.name, steps: [...steps, disk]};
}
