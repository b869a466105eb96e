import {formatBytes} from '../../report/index.js';
import type {PrunedStore} from '../../workflows/store-prune.js';
import type {Cli} from '../cli.js';
import {parseAge, parseSize} from '../limits.js';

interface Options {
  readonly maxSize?: string;
  readonly maxAge?: string;
  readonly dryRun?: true;
}

const defaultAge = '30d';

export function register(cli: Cli): void {
  cli
    .noun('store')
    .command('prune')
    .description('remove from the store what was not used for long, or what is more than a size')
    .option('--max-size <size>', 'remove what was used longest ago until the store has this size, for example 20G')
    .option(
      '--max-age <age>',
      `remove what was not used for so long: 12h, 30d, 2w (default without a size: ${defaultAge})`,
    )
    .option('--dry-run', 'only say what would go')
    .addHelpText('after', help)
    .action(
      cli.actInNamespace(async (world, options: Options) => {
        const {storePrune} = await import('../../workflows/store-prune.js');
        const {maxSize, maxAge = maxSize === undefined ? defaultAge : undefined} = options;
        const pruned = await storePrune(
          {
            ...(maxSize === undefined ? {} : {maxSizeBytes: parseSize('--max-size', maxSize)}),
            ...(maxAge === undefined ? {} : {maxAgeMs: parseAge('--max-age', maxAge)}),
            isDryRun: options.dryRun === true,
          },
          world,
        );
        return {value: pruned, text: textOf(pruned)};
      }),
    );
}

const help = `
Always kept: what a running command uses, the latest build of each image with its steps and the packages of its lock, layers that
devclouds stand on, and the tools of this week's builds. All that is removed can be built or fetched again.`;

function textOf({removed, removedBytes, keptBytes, neededBytes, isDryRun}: PrunedStore): string {
  const lines = removed.map(({item, reason}) => {
    const name = item.what === item.name ? item.name : `${item.what} ${item.name.slice(0, 12)}`;
    return `  ${formatBytes(item.sizeBytes).padStart(10)}  ${item.kind}: ${name} (${reason})`;
  });
  const did = isDryRun ? 'would remove' : 'removed';
  const rest = `${formatBytes(keptBytes)} ${isDryRun ? 'would be' : 'are'} left, of which ${formatBytes(neededBytes)} are needed`;
  return [...lines, `${did} ${removed.length} things, ${formatBytes(removedBytes)}; ${rest}`].join('\n');
}
