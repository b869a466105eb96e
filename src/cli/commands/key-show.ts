import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('key')
    .command('show')
    .description('a key’s public part, for those who check what it signs')
    .argument('[key]', 'its name, or the beginning of its id', 'default')
    .action(
      cli.act(async (world, reference: string) => {
        const {showKey} = await import('../../workflows/signing-keys.js');
        const key = await showKey(reference, world);
        return {value: key, text: key.publicKey.trim()};
      }),
    );
}
