import {formatBytes} from '../../report/index.js';
import type {ShownItem} from '../../workflows/store-show.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('store')
    .command('show')
    .description('one thing of the store: where it is, when it was used, what needs it; of an image its steps')
    .argument('<what>', 'the name or digest of an image, or the first seven digits or more of a key')
    .action(
      cli.actInNamespace(async (world, what: string) => {
        const {storeShow} = await import('../../workflows/store-show.js');
        const shown = await storeShow(what, world);
        return {value: shown, text: textOf(shown)};
      }),
    );
}

function textOf({item, record, steps}: ShownItem): string {
  const rows: [string, string][] = [
    ['folder', item.folder],
    ['size', formatBytes(item.sizeBytes)],
    ['last use', item.lastUsedAt.toISOString()],
    ['needed', item.neededBy ? `for ${item.neededBy}` : 'by nothing that is known: "store prune" may remove it'],
    ...(record?.outputs ?? []).map(({format, sha256, file}): [string, string] => [format, `${sha256} ${file}`]),
  ];
  return [
    `${item.what} (${item.kind})`,
    ...rows.map(([label, text]) => `  ${label.padEnd(9)} ${text}`),
    ...steps.map(({tree, step, key, item: found}) => {
      const size = found ? formatBytes(found.sizeBytes) : 'gone';
      return `  ${key.slice(0, 12)}  ${size.padStart(10)}  ${step}${tree === record?.image ? '' : ` of ${tree}`}`;
    }),
  ].join('\n');
}
