import {type Command, InvalidArgumentError} from 'commander';
import type {CanaryChoice} from '../workflows/canary.js';

/** Options of the trial instance. */
export interface CanaryOptions {
  /** False for `--no-canary`; undefined: wherever the cloud can. */
  readonly canary?: boolean;
  readonly canaryFlavor?: string;
  readonly canaryNetwork?: string;
  readonly canaryTimeout?: number;
}

/** Options of what is demanded of an image before it serves. */
export interface GateOptions {
  readonly policy?: string;
  readonly evidence?: string;
}

export function addCanaryOptions(command: Command): Command {
  return command
    .option('--canary', 'make an instance of the image first (default: wherever the cloud can run one)')
    .option('--no-canary', 'activate without a trial instance')
    .option('--canary-flavor <name>', 'flavor of the trial instance (default: the smallest that fits)')
    .option('--canary-network <name>', 'network of the trial instance (default: the first shared one)')
    .option('--canary-timeout <seconds>', 'for the trial instance to become healthy (default: 1800)', seconds);
}

export function addGateOptions(command: Command): Command {
  return command
    .option('--policy <file>', 'what is demanded of images before they serve (schemas/image-policy.schema.json)')
    .option('--evidence <file>', "the image's file, for the bill of materials beside it");
}

export function canaryChoice(options: CanaryOptions): CanaryChoice {
  const {canary: isWanted, canaryFlavor: flavor, canaryNetwork: network, canaryTimeout} = options;
  const timeoutMs = canaryTimeout === undefined ? undefined : canaryTimeout * 1000;
  return {isWanted, flavor, network, timeoutMs};
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Must be a number of seconds above 0.');
  return value;
}
