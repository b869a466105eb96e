import {InvalidArgumentError} from 'commander';
import type {PrunedImages} from '../../workflows/prune-images.js';
import type {Cli} from '../cli.js';

interface Options {
  readonly cloud?: string;
  readonly region?: string;
  readonly keep: number;
  readonly trials?: boolean;
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('prune')
    .description('delete loaded images that nothing uses and no rollback needs')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .option('--keep <count>', 'how many of each datastore version stay in any case, the newest', count, 3)
    .option('--trials', 'also what interrupted trials have left; not while an image is being activated')
    .option('--dry-run', 'only say what would be done')
    .action(
      cli.act(async (world, options: Options) => {
        const {pruneImages} = await import('../../workflows/prune-images.js');
        const {formatBytes} = await import('../../report/index.js');
        const value = await pruneImages(options, world);
        return {value, text: textOf(value, formatBytes)};
      }),
    );
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Must be a number of images, 0 or more.');
  return Number(text);
}

function textOf({cloud, decisions, isDryRun}: PrunedImages, formatBytes: (bytes: number) => string): string {
  const removed = decisions.filter(({kind}) => kind === 'remove');
  const bytes = removed.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  const verb = isDryRun ? 'would be removed' : 'removed';
  return [
    `cloud ${cloud}: ${removed.length} of ${decisions.length} images ${verb}, ${formatBytes(bytes)}`,
    ...decisions.map(({kind, name, id, reason}) => `  ${kind.padEnd(6)}  ${name} (${id}): ${reason}`),
  ].join('\n');
}
