import type {Cli} from '../cli.js';
import {differenceText} from '../difference-text.js';

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('diff')
    .description('compare two images in plain words; exit code 0 when nothing differs, 1 when something does')
    .argument('<before>', 'an image: a file, or the name or digest of one in the store')
    .argument('<after>', 'the image to compare it with')
    .option('--all', 'every line of long lists')
    .addHelpText('after', help)
    .action(
      cli.actInNamespace(async (world, before: string, after: string, options: {all?: true}) => {
        const {diffImages} = await import('../../workflows/diff-images.js');
        const compared = await diffImages(before, after, world);
        const isSame = compared.isSameFile || compared.difference.isEqual;
        return {value: compared, text: differenceText(compared, options.all === true), exitCode: isSame ? 0 : 1};
      }),
    );
}

const help = `
Compares packages, files (content, mode, owner, attributes, time), systemd units, users, groups, ports and sizes.
Images are read, not mounted. Names are those that "trovestack store list" shows; their beginning is enough.

  trovestack image diff old.qcow2 new.qcow2
  trovestack image diff 3f2a9c1 mariadb:11.8      the file of that sha256 with the last one built`;
