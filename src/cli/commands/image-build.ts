import {UsageError, type World} from '../../base/index.js';
import {formatBytes} from '../../report/index.js';
import type {BuildRequest, BuiltGuest} from '../../workflows/build-image.js';
import type {Answer, Cli} from '../cli.js';
import {addConditionOptions, type ConditionOptions, conditionsOf} from '../engine-options.js';
import {addPlanOptions, type PlanOptions, planRequest} from '../plan-options.js';

interface BuildOptions extends PlanOptions, ConditionOptions {
  readonly outputFile?: string;
  readonly checksum?: boolean;
  readonly bundle?: string;
  readonly sign?: string | boolean;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('build').description('build the guest image of a datastore version');
  command.addHelpText(
    'after',
    "\nWith disk-image-create's options and elements of your own: trovestack image dib --help",
  );
  addPlanOptions(command, '[datastore[:version]]')
    .option('--bundle <file>', 'build what the bundle holds, from nothing else')
    .option('--output-file <file>', 'where the image goes (default: named after the image, here)')
    .option('--sign <key>', 'sign the image with this key (default: with the key "default" where there is one)')
    .option('--no-sign', "don't sign it")
    .option('--checksum', 'also write FILE.md5 and FILE.sha256');
  addConditionOptions(command).action(
    cli.actInNamespace(async (world, datastore: string | undefined, options: BuildOptions) => {
      const {buildImage} = await import('../../workflows/build-image.js');
      const {outputFile, checksum = false, bundle, sign} = options;
      const {conditions, rebuild} = await conditionsOf(options, options.rebuild);
      const how = {
        ...(outputFile === undefined ? {} : {outputFile}),
        hasChecksums: checksum,
        ...(sign === undefined || sign === true ? {} : {sign}),
        conditions,
      };
      const asked = {...options, ...(rebuild === undefined ? {} : {rebuild})};
      if (bundle !== undefined) return await buildBundle(bundle, datastore, asked, how, world);
      if (datastore === undefined) throw missing('what to build', 'name a datastore, or a bundle with --bundle');
      const image = await buildImage({...planRequest(datastore, asked), ...how}, world);
      return {value: image, text: textOf(image)};
    }),
  );
}

async function buildBundle(
  file: string,
  datastore: string | undefined,
  options: BuildOptions,
  how: Pick<BuildRequest, 'outputFile' | 'hasChecksums' | 'sign' | 'conditions'>,
  world: World,
): Promise<Answer> {
  const chosen = options.element.length + options.elementsPath.length + options.kernelArgument.length;
  if (datastore !== undefined || chosen > 0 || options.lock !== undefined || options.update) {
    throw missing('--bundle with a choice of its own', 'a bundle says itself what is to be built, and from what');
  }
  const {buildImage} = await import('../../workflows/build-image.js');
  const {openBundle} = await import('../../workflows/bundle.js');
  await using bundle = await openBundle(file, world);
  const {output, rebuild, offline} = planRequest('', options);
  const request = {
    ...bundle.request,
    ...how,
    offline: offline ?? false,
    ...(output ? {output} : {}),
    ...(rebuild === undefined ? {} : {rebuild}),
  };
  const image = await buildImage({...request, kind: 'datastore'}, bundle.world);
  return {value: image, text: textOf(image)};
}

function missing(argument: string, problem: string): UsageError {
  return new UsageError('bad-argument', {argument, problem, next: 'trovestack image build --help'});
}

function textOf(image: BuiltGuest): string {
  const steps = image.stepsRun === 0 ? 'nothing changed' : `${image.stepsRun} steps run, ${image.stepsReused} reused`;
  const disk = image.virtualSizeBytes === undefined ? '' : `, as a disk ${formatBytes(image.virtualSizeBytes)}`;
  return [
    ...image.files.map(({file}) => file),
    `  image    ${image.datastore} ${image.version} on ${image.distribution} ${image.release}, series ${image.series}`,
    `  size     ${formatBytes(image.sizeBytes)}${disk}`,
    `  sha256   ${image.sha256}`,
    `  steps    ${steps}`,
    ...(image.signedBy ? [`  signed   ${image.signedBy.keyName} ${image.signedBy.keyId.slice(0, 12)}`] : []),
    ...(image.virtualSizeBytes === undefined ? [] : [`  next     trovestack image verify ${image.file} --boot`]),
  ].join('\n');
}
