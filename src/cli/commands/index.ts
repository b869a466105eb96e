import type {Cli} from '../cli.js';
import * as completion from './completion.js';
import * as diagnose from './diagnose.js';
import * as doctor from './doctor.js';
import * as quickstart from './quickstart.js';
import * as test from './test.js';

interface CommandFile {
  register(cli: Cli): void;
}

/** The nouns with their commands, in the order of `--help`; read when one is asked for, since reading all takes a fifth of the start. */
const nouns: Readonly<Record<string, () => readonly Promise<CommandFile>[]>> = {
  devcloud: () => [
    import('./devcloud-up.js'),
    import('./devcloud-down.js'),
    import('./devcloud-status.js'),
    import('./devcloud-exec.js'),
    import('./devcloud-shell.js'),
    import('./devcloud-logs.js'),
    import('./devcloud-env.js'),
    import('./devcloud-destroy.js'),
  ],
  image: () => [
    import('./image-build.js'),
    import('./image-dib.js'),
    import('./image-bundle.js'),
    import('./image-plan.js'),
    import('./image-verify.js'),
    import('./image-inspect.js'),
    import('./image-sign.js'),
    import('./image-boot.js'),
    import('./image-diff.js'),
    import('./image-why.js'),
    import('./image-load.js'),
    import('./image-activate.js'),
    import('./image-rollback.js'),
    import('./image-status.js'),
    import('./image-prune.js'),
  ],
  key: () => [import('./key-new.js'), import('./key-list.js'), import('./key-show.js')],
  catalog: () => [import('./catalog-list.js'), import('./catalog-show.js'), import('./catalog-lint.js')],
  element: () => [import('./element-list.js'), import('./element-show.js')],
  store: () => [
    import('./store-list.js'),
    import('./store-show.js'),
    import('./store-prune.js'),
    import('./store-verify.js'),
  ],
};

/** Hangs the commands into the program, in the order of `--help`.
 * @param isWanted Whether a noun's own commands are needed; the others' nouns stand there without them.
 */
export async function registerCommands(cli: Cli, isWanted: (noun: string) => boolean): Promise<void> {
  quickstart.register(cli);
  for (const [noun, files] of Object.entries(nouns)) {
    cli.noun(noun);
    if (isWanted(noun)) for (const file of await Promise.all(files())) file.register(cli);
  }
  for (const command of [doctor, diagnose, test, completion]) command.register(cli);
}
