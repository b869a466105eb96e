import {type Environment, UsageError} from '../base/index.js';
import {phaseNames} from '../element/index.js';
import type {BuildConditions} from './workshop.js';

/** What upstream's variable `break` asks for: `before-PHASE`, `after-PHASE` and `after-error`, by commas. Each shell is that of
 * `--shell-at`, before the phase's first step or after its last.
 * @throws {UsageError} `bad-argument`
 */
export function breakConditions(env: Environment): Pick<BuildConditions, 'breaks' | 'shellOnError'> {
  const asked = (env.break ?? '').split(',').filter(Boolean);
  if (asked.length === 0) return {};
  for (const name of ['break_cmd', 'break_outside_target']) {
    if (env[name]) {
      const problem = 'the shell of a break is bash, in the sandbox of the step';
      throw new UsageError('bad-argument', {argument: `${name}=${env[name]}`, problem, next: 'leave it away'});
    }
  }
  const breaks = asked.filter((text) => text !== 'after-error').map(parseBreak);
  return {breaks, ...(asked.includes('after-error') ? {shellOnError: true} : {})};
}

function parseBreak(text: string): NonNullable<BuildConditions['breaks']>[number] {
  const [, moment, name] = /^(before|after)-(.*?)(?:\.d)?$/.exec(text) ?? [];
  const phase = phaseNames.find((known) => known === `${name}.d`);
  if (phase && (moment === 'before' || moment === 'after')) return {phase, moment};
  const known = phaseNames.map((each) => each.slice(0, -2)).join(', ');
  throw new UsageError('bad-argument', {
    argument: `break=${text}`,
    problem: 'it names no moment of a build',
    next: `after-error, or before- or after- with one of ${known}`,
  });
}

/** The breaks that mean no step, as they were asked for.
 * @param steps Ids, of all trees.
 */
export function breaksWithoutStep(
  steps: readonly string[],
  breaks: NonNullable<BuildConditions['breaks']> = [],
): string[] {
  const without = breaks.filter((one) => stepsOfBreaks(steps, [one]).length === 0);
  return without.map(({phase, moment}) => `${moment}-${phase.slice(0, -2)}`);
}

/** The steps that breaks mean.
 * @param steps Ids, in order.
 */
export function stepsOfBreaks(
  steps: readonly string[],
  breaks: NonNullable<BuildConditions['breaks']> = [],
): NonNullable<BuildConditions['shellAt']>[] {
  return breaks.flatMap(({phase, moment}) => {
    const ofPhase = steps.filter((id) => id.split('/')[1] === phase);
    const step = moment === 'before' ? ofPhase[0] : ofPhase.at(-1);
    return step === undefined ? [] : [{step, moment}];
  });
}
