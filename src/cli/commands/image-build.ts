import {formatBytes} from '../../report/index.js';
import type {BuiltGuest} from '../../workflows/build-image.js';
import type {Cli} from '../cli.js';
import {addPlanOptions, type PlanOptions, planRequest} from '../plan-options.js';

interface BuildOptions extends PlanOptions {
  readonly outputFile?: string;
  readonly checksum?: boolean;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('build').description('build the guest image of a datastore version');
  command.addHelpText(
    'after',
    "\nWith disk-image-create's options and elements of your own: trovestack image dib --help",
  );
  addPlanOptions(command)
    .option('--output-file <file>', 'where the image goes (default: named after the image, here)')
    .option('--checksum', 'also write FILE.md5 and FILE.sha256')
    .action(
      cli.actInNamespace(async (world, datastore: string, options: BuildOptions) => {
        const {buildImage} = await import('../../workflows/build-image.js');
        const {outputFile, checksum = false} = options;
        const request = {...planRequest(datastore, options), ...(outputFile === undefined ? {} : {outputFile})};
        const image = await buildImage({...request, hasChecksums: checksum}, world);
        return {value: image, text: textOf(image)};
      }),
    );
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
    ...(image.virtualSizeBytes === undefined ? [] : [`  next     trovestack image verify ${image.file} --boot`]),
  ].join('\n');
}
