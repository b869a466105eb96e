import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('env')
    .description("shell exports that point OpenStack's clients at a devcloud")
    .addOption(nameOption())
    .addHelpText('after', '\n  eval "$(trovestack devcloud env)"')
    .action(
      cli.act(async (world, options: {readonly name: string}) => {
        const {devcloudEnv} = await import('../../workflows/devcloud-env.js');
        const {shellExports} = await import('../devcloud-text.js');
        const variables = await devcloudEnv(options, world);
        return {value: variables, text: shellExports(variables)};
      }),
    );
}
