import type {PlannedSteps} from '../../workflows/show-plan.js';
import type {Cli} from '../cli.js';
import {addPlanOptions, type PlanOptions, planRequest} from '../plan-options.js';

export function register(cli: Cli): void {
  const command = cli.noun('image').command('plan').description('say what a build would do, and why');
  addPlanOptions(command).action(
    cli.actInNamespace(async (world, datastore: string, options: PlanOptions) => {
      const {showPlan} = await import('../../workflows/show-plan.js');
      const plan = await showPlan(planRequest(datastore, options), world);
      return {value: plan, text: textOf(plan)};
    }),
  );
}

function textOf({image, steps}: PlannedSteps): string {
  const lines = steps.map(({tree, step, act, reason, isUncertain}) => {
    const name = tree === image ? step : `${step} of ${tree}`;
    const mark = isUncertain ? ' ?' : '';
    return act === 'reuse' ? `reuse  ${name}${mark}` : `run    ${name} (${reason})${mark}`;
  });
  const count = steps.filter(({act}) => act === 'run').length;
  return [
    ...lines,
    ...(steps.some(({isUncertain}) => isUncertain) ? ['? hooks of extra-data.d run first: they may add hooks'] : []),
    count === 0 ? `nothing to do for ${image}` : `${count} of ${steps.length} steps of ${image} to run`,
  ].join('\n');
}
