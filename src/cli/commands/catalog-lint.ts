import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('catalog')
    .command('lint')
    .description('check catalogue files: all of them, or those named')
    .argument('[files...]', 'files in the form of datastores/NAME.yaml')
    .action(
      cli.act(async (world, files: string[]) => {
        const {readCatalogue, readDatastore} = await import('../../datastore/index.js');
        const named = await Promise.all(files.map(readDatastore));
        const definitions = named.length ? named : [...(await readCatalogue(world.paths.home)).values()];
        const names = definitions.map((definition) => definition.name);
        return {value: {checked: names}, text: `no problems in ${names.join(', ')}`};
      }),
    );
}
