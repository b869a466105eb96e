import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('down')
    .description('stop a devcloud; what it holds is kept for the next start')
    .addOption(nameOption())
    .action(
      cli.act(async (world, options: {readonly name: string}) => {
        const {devcloudDown} = await import('../../workflows/devcloud-down.js');
        const result = await devcloudDown(options, world);
        return {value: result, text: `devcloud "${result.name}" is down`};
      }),
    );
}
