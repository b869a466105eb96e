import {type Command, InvalidArgumentError} from 'commander';
import type {BuildRequest} from '../workflows/build-image.js';
import type {LockChoices} from '../workflows/build-packages.js';

/** Options that say what a build takes from locks and from the store. */
export interface SourceOptions {
  readonly rebuild?: true | readonly string[];
  readonly lock?: string;
  readonly locked?: boolean;
  readonly update?: boolean;
}

/** @param offline The option that forbids the network, which `image dib` has another name for. */
export function addSourceOptions(command: Command, offline: '--offline' | '--without-network'): Command {
  const name = offline === '--offline' ? 'offline' : 'withoutNetwork';
  return command
    .option('--rebuild [step...]', 'run these steps again, or all, whatever the store has')
    .option('--lock <file>', 'the lock, which names every package file and element (default: beside the image)')
    .option('--locked', 'take what the lock names, or fail: nothing is chosen anew')
    .option(offline, 'use no network: what the lock names has to be in the store')
    .addOption(
      command.createOption('--update', 'take the newest packages, and move the lock').conflicts(['locked', name]),
    );
}

export function sourcesOf(
  {rebuild, lock, locked = false, update = false}: SourceOptions,
  offline = false,
): LockChoices & Pick<BuildRequest, 'rebuild'> {
  return {
    ...{locked, update, offline},
    ...(lock === undefined ? {} : {lockFile: lock}),
    ...(rebuild === undefined ? {} : {rebuild}),
  };
}

/** Options that say how steps are run. */
export interface ConditionOptions {
  /** In minutes. */
  readonly hookTimeout?: number;
  readonly shellAt?: string;
  readonly shellOnError?: boolean;
}

export function addConditionOptions(command: Command): Command {
  return command
    .option('--hook-timeout <minutes>', 'how long a hook, or another step, may take (default: 120)', minutes)
    .option('--shell-at <step[:moment]>', 'open a shell in the sandbox of a step, "before" or "after" it runs')
    .option('--shell-on-error', 'open a shell in what a failing step left');
}

/** The conditions; and what to run again, with the step that a shell is asked for.
 * @throws {UsageError} `bad-argument`
 */
export async function conditionsOf(
  {hookTimeout, shellAt, shellOnError}: ConditionOptions,
  rebuild: SourceOptions['rebuild'],
): Promise<Required<Pick<BuildRequest, 'conditions'>> & Pick<SourceOptions, 'rebuild'>> {
  const {parseShellAt} = await import('../workflows/step-shell.js');
  const at = shellAt === undefined ? undefined : parseShellAt(shellAt);
  const again = at && rebuild !== true ? [...(rebuild ?? []), at.step] : rebuild;
  return {
    conditions: {
      ...(hookTimeout === undefined ? {} : {hookTimeoutMs: hookTimeout * 60_000}),
      ...(at ? {shellAt: at} : {}),
      ...(shellOnError ? {shellOnError} : {}),
    },
    ...(again === undefined ? {} : {rebuild: again}),
  };
}

/** @throws {InvalidArgumentError} Commander's, for what is no number of minutes. */
function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number of minutes is wanted, as in 30 or 0.5');
  return value;
}
