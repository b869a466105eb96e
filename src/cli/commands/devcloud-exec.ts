import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('exec')
    .description("run a program in a devcloud, with OpenStack's clients set to its administrator")
    .addOption(nameOption())
    .option('--pass-env <name...>', 'variables of this environment that the program gets too')
    .argument('<command...>', 'program and arguments')
    .passThroughOptions()
    .addHelpText('after', '\n  trovestack devcloud exec -- openstack datastore list')
    .action(
      cli.act(async (world, command: string[], options: {readonly name: string; readonly passEnv?: string[]}) => {
        const {devcloudExec} = await import('../../workflows/devcloud-exec.js');
        const result = await devcloudExec({...options, command}, world);
        return {value: result, text: '', exitCode: result.exitCode};
      }),
    );
}
