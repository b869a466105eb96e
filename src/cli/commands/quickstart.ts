import {Option} from 'commander';
import type {Cli} from '../cli.js';

interface Options {
  readonly datastore: string;
  readonly profile: 'api' | 'full';
  readonly name: string;
  readonly destroy?: boolean;
}

export function register(cli: Cli): void {
  cli.program
    .command('quickstart')
    .description('build an image, prove it, start an OpenStack, load, activate, create a database, run SQL in it')
    .option('--datastore <datastore[:version]>', 'which database', 'mariadb')
    .addOption(
      new Option('--profile <profile>', '"full" ends with SQL in an instance, "api" after the image is active')
        .choices(['api', 'full'])
        .default('full', 'full'),
    )
    .option('--name <name>', 'of the devcloud', 'devcloud')
    .option('--keep', 'leave the devcloud running at the end (this is the default)')
    .addOption(new Option('--destroy', 'destroy the devcloud at the end').conflicts('keep'))
    .addHelpText(
      'after',
      `
Each stage reuses what is done: interrupted anywhere, the same command goes on from there.

  trovestack quickstart                  MariaDB, and leave the cloud running to look around
  trovestack quickstart --destroy        leave nothing running
  trovestack quickstart --profile api    only as far as an active datastore version: no virtual machines`,
    )
    .action(
      cli.act(async (world, options: Options) => {
        const {quickstart} = await import('../../workflows/quickstart.js');
        const {describeQuickstart} = await import('../quickstart-text.js');
        const result = await quickstart({...options, destroy: options.destroy === true}, world);
        return {value: result, text: describeQuickstart(result)};
      }),
    );
}
