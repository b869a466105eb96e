import type {Command} from 'commander';
import {imageFormats, parseFormats} from '../image/index.js';
import type {LockChoices} from '../workflows/build-packages.js';
import type {GuestRequest} from '../workflows/read-blueprint.js';
import {addSourceOptions, type SourceOptions, sourcesOf} from './engine-options.js';

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
export interface PlanOptions extends ChoiceOptions, SourceOptions {
  readonly format: readonly string[];
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
  const chosen = addChoiceOptions(command, argument);
  chosen.option(
    '--format <list>',
    `what to write, by commas: ${imageFormats.join(', ')} (default: qcow2)`,
    collect,
    [],
  );
  return addSourceOptions(chosen, '--offline');
}

export function planRequest(datastore: string, options: PlanOptions): GuestRequest & LockChoices {
  return {
    ...choicesOf(datastore, options),
    ...(options.format.length > 0 ? {output: {formats: parseFormats(options.format, '--format')}} : {}),
    ...sourcesOf(options, options.offline),
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
