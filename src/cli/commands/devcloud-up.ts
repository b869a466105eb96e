import {Option} from 'commander';
import type {Profile} from '../../devcloud/index.js';
import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

interface Options {
  readonly name: string;
  readonly profile?: Profile;
  readonly series?: string;
  readonly subnet?: string;
}

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('up')
    .description('start a devcloud, making it when there is none of its name')
    .addOption(nameOption())
    .addOption(
      new Option('--profile <profile>', '"full" runs database instances, "api" is Keystone, Glance and the Trove API')
        .choices(['api', 'full'])
        .default(undefined, 'full for a new one'),
    )
    .option('--series <series>', 'OpenStack series of a new one: zed, 2025.1 (default) or 2026.2')
    .option('--subnet <range>', 'a private IPv4 range with prefix 24, for its endpoints and instances')
    .action(
      cli.act(async (world, options: Options) => {
        const {devcloudUp} = await import('../../workflows/devcloud-up.js');
        const {describeUp} = await import('../devcloud-text.js');
        const status = await devcloudUp(options, world);
        return {value: status, text: describeUp(status)};
      }),
    );
}
