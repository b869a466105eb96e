import type {Activation} from '../../workflows/activate-image.js';
import {
  addCanaryOptions,
  addGateOptions,
  type CanaryOptions,
  canaryChoice,
  type GateOptions,
} from '../activation-options.js';
import type {Cli} from '../cli.js';

interface Options extends CanaryOptions, GateOptions {
  readonly cloud?: string;
  readonly region?: string;
  readonly image?: string;
  readonly select?: 'id' | 'tags';
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('activate');
  command
    .description('make a loaded datastore version active and the default, after a trial where the cloud can run one')
    .argument('<datastore[:version]>', 'what to activate, for example mariadb:11.8')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .option(
      '--image <name>',
      'the image to serve with, by name or id (default: the newest in the cloud for this version)',
    )
    .addOption(
      command
        .createOption('--select <how>', 'how the version finds its image from now on (default: as it does)')
        .choices(['id', 'tags']),
    )
    .option('--dry-run', 'only say what would be done');
  addCanaryOptions(addGateOptions(command)).action(
    cli.act(async (world, datastore: string, options: Options) => {
      const {activateImage} = await import('../../workflows/activate-image.js');
      const result = await activateImage({...options, datastore, canary: canaryChoice(options)}, world);
      return {value: result, text: textOf(result)};
    }),
  );
}

function textOf({cloud, version, imageName, isChanged, isDryRun, reason, canary}: Activation): string {
  const name = `${version.datastore} ${version.name}`;
  if (isDryRun) return `cloud ${cloud}: ${isChanged ? `${name} would be changed: ${reason}` : `${name} is as wanted`}`;
  const lines = [
    `cloud ${cloud}: ${name} ${isChanged ? 'is now' : 'was already'} active and the default${imageName ? `, on image ${imageName}` : ''}`,
    ...(canary?.kind === 'passed'
      ? [`  trial       instance ${canary.instance} was healthy after ${Math.round(canary.durationMs / 1000)} s`]
      : []),
    ...(isChanged
      ? [`  back        trovestack image rollback ${version.datastore}:${version.version} --cloud ${cloud}`]
      : []),
  ];
  return lines.join('\n');
}
