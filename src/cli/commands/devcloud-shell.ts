import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('shell')
    .description('a shell in a devcloud')
    .addOption(nameOption())
    .action(
      cli.act(async (world, options: {readonly name: string}) => {
        const {devcloudExec} = await import('../../workflows/devcloud-exec.js');
        const result = await devcloudExec({...options, command: ['/bin/bash']}, world);
        return {value: result, text: '', exitCode: result.exitCode};
      }),
    );
}
