import type {Cli} from '../cli.js';

interface Options {
  readonly cloud?: string;
  readonly region?: string;
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('rollback')
    .description('bring back what a datastore version served with before its last activation')
    .argument('<datastore[:version]>', 'what to roll back, for example mariadb:11.8')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .option('--dry-run', 'only say what would be done')
    .action(
      cli.act(async (world, datastore: string, options: Options) => {
        const {rollbackImage} = await import('../../workflows/rollback-image.js');
        const result = await rollbackImage({...options, datastore}, world);
        const {cloud, version, imageName, isDryRun} = result;
        const name = `${version.datastore} ${version.name}`;
        const image = imageName ? ` on image ${imageName}` : '';
        const state = version.isActive ? `serves${image} again` : 'is inactive again, as it was';
        const text = `cloud ${cloud}: ${isDryRun ? `${name} would be rolled back${image && `, to be${image}`}` : `${name} ${state}`}`;
        return {value: result, text};
      }),
    );
}
