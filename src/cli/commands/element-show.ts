import type {ShownElement} from '../../workflows/show-elements.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('element')
    .command('show')
    .description('one element: what it needs, brings and runs')
    .argument('<name>', 'an element')
    .option('--elements-path <folder...>', 'look for elements there first')
    .action(
      cli.act(async (world, name: string, options: {elementsPath?: readonly string[]}) => {
        const {showElement} = await import('../../workflows/show-elements.js');
        const element = await showElement(name, options.elementsPath ?? [], world);
        return {value: element, text: textOf(element)};
      }),
    );
}

function textOf(element: ShownElement): string {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['needs', element.dependencies],
    ['provides', element.provides],
    ['hooks', element.hooks],
    ['packages', element.packages],
  ];
  const lines = rows
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `  ${name.padEnd(9)} ${values.join(', ')}`);
  return [`${element.name}: ${element.summary}`, `  folder    ${element.folder}`, ...lines].join('\n');
}
