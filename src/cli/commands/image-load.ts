import type {Visibility} from '../../cloud/index.js';
import type {LoadedImageResult} from '../../workflows/load-image.js';
import type {Cli} from '../cli.js';

interface Options {
  readonly cloud?: string;
  readonly region?: string;
  readonly datastore?: string;
  readonly validationRules?: string;
  readonly name?: string;
  readonly visibility?: Visibility;
  readonly activate?: boolean;
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('load');
  command
    .description('upload an image into a cloud and register its datastore version, inactive')
    .argument('<file>', 'disk image, qcow2 or raw')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .option('--datastore <name:version>', "what it is for (default: what the image's manifest says)")
    .option('--validation-rules <file>', "Trove's validation-rules.json (default: the image's manifest has them)")
    .option('--name <name>', "the image's name in Glance (default: made from what it is)")
    .addOption(
      command
        .createOption(
          '--visibility <who>',
          'who may see the image (default: private; one that is there stays as it is)',
        )
        .choices(['private', 'shared', 'community', 'public']),
    )
    .option('--activate', 'also make the version active and the default')
    .option('--dry-run', 'only say what would be done')
    .action(
      cli.act(async (world, file: string, options: Options) => {
        const {loadImage} = await import('../../workflows/load-image.js');
        const result = await loadImage({...options, file}, world);
        return {value: result, text: textOf(result)};
      }),
    );
}

function textOf(result: LoadedImageResult): string {
  const {cloud, image, registration, parameters} = result;
  const name = `${result.datastore} ${result.version}`;
  if (result.isDryRun) {
    return result.isChanged
      ? `nothing was changed: cloud ${cloud} would be, as told above`
      : `cloud ${cloud} has ${name} as wanted`;
  }
  const count = parameters.created + parameters.updated + parameters.kept;
  const state = registration.isActive ? (registration.isDefault ? 'active, default' : 'active') : 'inactive';
  const lines = [
    result.isChanged ? `cloud ${cloud} has ${name}` : `cloud ${cloud} had ${name} as wanted: nothing was changed`,
    `  image       ${image.name} (${image.id})`,
    `  version     ${state} (${registration.id})`,
    `  parameters  ${count}`,
  ];
  const isServing = registration.isActive && registration.isDefault && registration.imageId === image.id;
  if (!isServing)
    lines.push(
      `  next        trovestack image activate ${result.datastore}:${result.version} --cloud ${cloud} --image ${image.id}`,
    );
  return lines.join('\n');
}
