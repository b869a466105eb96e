import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('status')
    .description('what a devcloud is doing, running or not; all of them without --name')
    .option('--name <name>', 'which devcloud')
    .action(
      cli.act(async (world, options: {readonly name?: string}) => {
        const {devcloudStatus, listDevclouds} = await import('../../workflows/devcloud-status.js');
        const {describeStatus} = await import('../devcloud-text.js');
        if (options.name !== undefined) {
          const status = await devcloudStatus({name: options.name}, world);
          return {value: status, text: describeStatus(status)};
        }
        const all = await listDevclouds(world);
        const text = all.map(describeStatus).join('\n\n') || 'no devcloud yet: trovestack devcloud up makes one';
        return {value: all, text};
      }),
    );
}
