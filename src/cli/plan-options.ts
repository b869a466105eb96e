import type {Command} from 'commander';
import {imageFormats, parseFormats} from '../image/index.js';
import type {GuestRequest} from '../workflows/plan-image.js';

/** Options that say what to build. */
export interface PlanOptions {
  readonly series?: string;
  readonly distribution?: string;
  readonly release?: string;
  readonly arch?: string;
  readonly element: readonly string[];
  readonly elementsPath: readonly string[];
  readonly kernelArgument: readonly string[];
  readonly format: readonly string[];
  readonly rebuild?: true | readonly string[];
}

export function addPlanOptions(command: Command): Command {
  return command
    .argument('<datastore[:version]>', 'what to build; without a version the default one')
    .option('--series <series>', 'OpenStack series of the guest agent')
    .option('--distribution <name>', 'distribution of the guest')
    .option('--release <name>', "the distribution's release")
    .option('--arch <name>', 'architecture of the guest')
    .option('--element <name>', 'add an element to the guest (may be repeated)', collect, [])
    .option('--elements-path <folder>', 'look for elements there first (may be repeated)', collect, [])
    .option('--kernel-argument <text>', "add to the kernel's command line (may be repeated)", collect, [])
    .option('--format <list>', `what to write, by commas: ${imageFormats.join(', ')} (default: qcow2)`, collect, [])
    .option('--rebuild [step...]', 'run these steps again, or all, whatever the store has');
}

export function planRequest(datastore: string, options: PlanOptions): GuestRequest {
  const {series, distribution, release, arch, rebuild} = options;
  return {
    kind: 'datastore',
    datastore,
    elements: options.element,
    ...(options.format.length > 0 ? {output: {formats: parseFormats(options.format, '--format')}} : {}),
    elementsPath: options.elementsPath,
    kernelArguments: options.kernelArgument,
    ...(series === undefined ? {} : {series}),
    ...(distribution === undefined ? {} : {distribution}),
    ...(release === undefined ? {} : {release}),
    ...(arch === undefined ? {} : {architecture: arch}),
    ...(rebuild === undefined ? {} : {rebuild}),
  };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
