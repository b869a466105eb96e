import {formatBytes} from '../../report/index.js';
import type {StoreOverview} from '../../workflows/store-list.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('store')
    .command('list')
    .description('what the store takes, by kind, and the images in it')
    .action(
      cli.actInNamespace(async (world) => {
        const {storeList} = await import('../../workflows/store-list.js');
        const overview = await storeList(world);
        return {value: overview, text: textOf(overview)};
      }),
    );
}

const kindWords: Readonly<Record<string, string>> = {
  steps: 'results of steps',
  roots: 'tools roots and layers of devclouds',
  images: 'finished images',
  debs: 'downloaded packages',
  listings: 'contents of images that were compared',
};

function textOf({folder, sizeBytes, kinds, images}: StoreOverview): string {
  const rows = kinds.map(({kind, count, sizeBytes}) => {
    return `  ${formatBytes(sizeBytes).padStart(10)}  ${kind} (${count}${kindWords[kind] ? `: ${kindWords[kind]}` : ''})`;
  });
  const lines = images.map(({image, builtAt, files, sizeBytes, stepsBytes, isLatest}) => {
    const digest = files[0]?.sha256.slice(0, 12) ?? '';
    const sizes = `${formatBytes(sizeBytes)}, its steps ${formatBytes(stepsBytes)}`;
    return `  ${digest}  ${image} (${sizes}; built ${builtAt.slice(0, 16).replace('T', ' ')}${isLatest ? ', the latest' : ''})`;
  });
  return [
    `${folder}: ${formatBytes(sizeBytes)}`,
    ...rows,
    ...(lines.length > 0 ? ['images', ...lines] : ['no image yet']),
  ].join('\n');
}
