import {formatBytes} from '../../report/index.js';
import type {MadeBundle} from '../../workflows/bundle.js';
import type {Cli} from '../cli.js';
import {addChoiceOptions, type ChoiceOptions, choicesOf} from '../plan-options.js';

interface BundleOptions extends ChoiceOptions {
  readonly lock?: string;
  readonly offline?: true;
  readonly bundleFile?: string;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('bundle').description('pack every input of a locked image into one file');
  addChoiceOptions(command)
    .option('--lock <file>', 'the lock (default: named after the image, here)')
    .option('--offline', 'use no network: what the lock names has to be in the store')
    .option('--bundle-file <file>', 'where the bundle goes (default: named after the image, here)')
    .action(
      cli.actInNamespace(async (world, datastore: string, options: BundleOptions) => {
        const {bundleImage} = await import('../../workflows/bundle.js');
        const {lock, offline = false, bundleFile} = options;
        const bundle = await bundleImage(
          {
            ...choicesOf(datastore, options),
            offline,
            ...(lock === undefined ? {} : {lockFile: lock}),
            ...(bundleFile === undefined ? {} : {bundleFile}),
          },
          world,
        );
        return {value: bundle, text: textOf(bundle)};
      }),
    );
}

function textOf({file, image, sha256, sizeBytes, packages}: MadeBundle): string {
  return [
    file,
    `  image    ${image}`,
    `  packages ${packages}`,
    `  size     ${formatBytes(sizeBytes)}`,
    `  sha256   ${sha256}`,
    `  next     trovestack image build --bundle ${file} --offline`,
  ].join('\n');
}
