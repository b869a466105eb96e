import {formatBytes} from '../../report/index.js';
import type {BuiltGuest} from '../../workflows/build-image.js';
import type {Cli} from '../cli.js';
import {addPlanOptions, type PlanOptions, planRequest} from '../plan-options.js';

export function register(cli: Cli): void {
  const command = cli.noun('image').command('build').description('build the guest image of a datastore version');
  addPlanOptions(command)
    .option('--output-file <file>', 'where the image goes (default: named after the image, here)')
    .action(
      cli.actInNamespace(async (world, datastore: string, options: PlanOptions & {outputFile?: string}) => {
        const {buildImage} = await import('../../workflows/build-image.js');
        const {outputFile} = options;
        const request = {...planRequest(datastore, options), ...(outputFile === undefined ? {} : {outputFile})};
        const image = await buildImage(request, world);
        return {value: image, text: textOf(image)};
      }),
    );
}

function textOf(image: BuiltGuest): string {
  const steps = image.stepsRun === 0 ? 'nothing changed' : `${image.stepsRun} steps run, ${image.stepsReused} reused`;
  return [
    `${image.file}`,
    `  image    ${image.datastore} ${image.version} on ${image.distribution} ${image.release}, series ${image.series}`,
    `  size     ${formatBytes(image.sizeBytes)}, as a disk ${formatBytes(image.virtualSizeBytes)}`,
    `  sha256   ${image.sha256}`,
    `  steps    ${steps}`,
    `  next     trovestack image verify ${image.file} --boot`,
  ].join('\n');
}
