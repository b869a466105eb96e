import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('destroy')
    .description('stop a devcloud and remove all that it holds')
    .addOption(nameOption())
    .action(
      cli.act(async (world, options: {readonly name: string}) => {
        const {devcloudDestroy} = await import('../../workflows/devcloud-destroy.js');
        const result = await devcloudDestroy(options, world);
        return {value: result, text: `devcloud "${result.name}" is gone`};
      }),
    );
}
