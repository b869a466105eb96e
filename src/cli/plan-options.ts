import type {Command} from 'commander';
import {imageFormats, parseFormats} from '../image/index.js';
import type {LockChoices} from '../workflows/build-packages.js';
import type {GuestRequest} from '../workflows/plan-image.js';

/** Options that choose an image. */
export interface ChoiceOptions {
  readonly series?: string;
  readonly distribution?: string;
  readonly release?: string;
  readonly arch?: string;
  readonly element: readonly string[];
  readonly elementsPath: readonly string[];
  readonly kernelArgument: readonly string[];
}

/** Options that say what to build, and how. */
export interface PlanOptions extends ChoiceOptions {
  readonly format: readonly string[];
  readonly rebuild?: true | readonly string[];
  readonly lock?: string;
  readonly locked?: true;
  readonly update?: true;
  readonly offline?: true;
}

export function addChoiceOptions(command: Command, argument = '<datastore[:version]>'): Command {
  return command
    .argument(argument, 'what to build; without a version the default one')
    .option('--series <series>', 'OpenStack series of the guest agent')
    .option('--distribution <name>', 'distribution of the guest')
    .option('--release <name>', "the distribution's release")
    .option('--arch <name>', 'architecture of the guest')
    .option('--element <name>', 'add an element to the guest (may be repeated)', collect, [])
    .option('--elements-path <folder>', 'look for elements there first (may be repeated)', collect, [])
    .option('--kernel-argument <text>', "add to the kernel's command line (may be repeated)", collect, []);
}

export function addPlanOptions(command: Command, argument?: string): Command {
  return addChoiceOptions(command, argument)
    .option('--format <list>', `what to write, by commas: ${imageFormats.join(', ')} (default: qcow2)`, collect, [])
    .option('--rebuild [step...]', 'run these steps again, or all, whatever the store has')
    .option('--lock <file>', 'the lock, which names every input by its digest (default: beside the image)')
    .option('--locked', 'take what the lock names, or fail: nothing is chosen anew')
    .option('--offline', 'use no network: what the lock names has to be in the store')
    .addOption(
      command.createOption('--update', 'take the newest packages, and move the lock').conflicts(['locked', 'offline']),
    );
}

export function planRequest(datastore: string, options: PlanOptions): GuestRequest & LockChoices {
  const {lock, locked = false, update = false, offline = false} = options;
  const {rebuild} = options;
  return {
    ...choicesOf(datastore, options),
    ...(options.format.length > 0 ? {output: {formats: parseFormats(options.format, '--format')}} : {}),
    ...{locked, update, offline},
    ...(lock === undefined ? {} : {lockFile: lock}),
    ...(rebuild === undefined ? {} : {rebuild}),
  };
}

export function choicesOf(datastore: string, options: ChoiceOptions): GuestRequest {
  const {series, distribution, release, arch} = options;
  return {
    kind: 'datastore',
    datastore,
    elements: options.element,
    elementsPath: options.elementsPath,
    kernelArguments: options.kernelArgument,
    ...(series === undefined ? {} : {series}),
    ...(distribution === undefined ? {} : {distribution}),
    ...(release === undefined ? {} : {release}),
    ...(arch === undefined ? {} : {architecture: arch}),
  };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
