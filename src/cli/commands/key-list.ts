import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('key')
    .command('list')
    .description('the keys that sign here, and those whose signatures are believed')
    .action(
      cli.act(async (world) => {
        const {listKeys} = await import('../../workflows/signing-keys.js');
        const keys = await listKeys(world);
        const lines = keys.map(({id, name, kind}) => `${id.slice(0, 12)}  ${kind.padEnd(7)}  ${name}`);
        return {value: keys, text: lines.join('\n') || 'no key yet: trovestack key new makes one'};
      }),
    );
}
