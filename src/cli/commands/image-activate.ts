import type {Cli} from '../cli.js';

interface Options {
  readonly cloud?: string;
  readonly region?: string;
  readonly image?: string;
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('activate')
    .description('make a loaded datastore version active and the default')
    .argument('<datastore[:version]>', 'what to activate, for example mariadb:11.8')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .option(
      '--image <name>',
      'the image to serve with, by name or id (default: the newest in the cloud for this version)',
    )
    .option('--dry-run', 'only say what would be done')
    .action(
      cli.act(async (world, datastore: string, options: Options) => {
        const {activateImage} = await import('../../workflows/activate-image.js');
        const result = await activateImage({...options, datastore}, world);
        const {cloud, version, imageName} = result;
        const name = `${version.datastore} ${version.name}`;
        const text = options.dryRun
          ? `cloud ${cloud}: ${result.isChanged ? `${name} would be changed: ${result.reason}` : `${name} is as wanted`}`
          : `cloud ${cloud}: ${name} ${result.isChanged ? 'is now' : 'was already'} active and the default` +
            (imageName ? `, on image ${imageName}` : '');
        return {value: result, text};
      }),
    );
}
