import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('key')
    .command('new')
    .description('make a key pair to sign images with')
    .argument('[name]', 'what to call it; builds sign with the one called "default"', 'default')
    .action(
      cli.act(async (world, name: string) => {
        const {newKey} = await import('../../workflows/signing-keys.js');
        const key = await newKey(name, world);
        const text = `key ${key.name}\n  id       ${key.id}\n  public   ${key.file}\n  next     trovestack image sign FILE${
          key.name === 'default' ? '' : ` --key ${key.name}`
        }`;
        return {value: key, text};
      }),
    );
}
