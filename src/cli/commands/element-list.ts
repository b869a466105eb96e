import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('element')
    .command('list')
    .description('elements, and what they are for')
    .option('--elements-path <folder...>', 'look for elements there first')
    .action(
      cli.act(async (world, options: {elementsPath?: readonly string[]}) => {
        const {listAllElements} = await import('../../workflows/show-elements.js');
        const elements = await listAllElements(options.elementsPath ?? [], world);
        const width = Math.max(0, ...elements.map(({name}) => name.length));
        const lines = elements.map(({name, summary}) => `${name.padEnd(width)}  ${summary}`);
        return {value: elements, text: lines.join('\n')};
      }),
    );
}
