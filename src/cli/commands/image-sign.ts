import type {SignRequest} from '../../workflows/sign-image.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('sign')
    .description('ask the rules of an image that trovestack built, and sign what it is and what was found')
    .argument('<file>', 'disk image, qcow2 or raw')
    .option('--key <name>', 'the key to sign with', 'default')
    .option('--waivers <file>', 'findings that may stay for a while, with reason and last day')
    .action(
      cli.actInNamespace(async (world, file: string, options: Omit<SignRequest, 'file'>) => {
        const {signImage} = await import('../../workflows/sign-image.js');
        const signed = await signImage({...options, file}, world);
        const {passport, keyName, keyId, checks, isUnchanged} = signed;
        const found = `${checks.errors} errors, ${checks.warnings} warnings of ${checks.rulesAsked} rules`;
        const text = [
          `${passport}${isUnchanged ? ' (it said so already)' : ''}`,
          `  key      ${keyName} ${keyId.slice(0, 12)}`,
          `  checks   ${checks.sound ? 'sound' : 'unsound'}: ${found}`,
          `  boots    ${checks.bootProven.join(', ') || 'not proven: trovestack image verify FILE --boot'}`,
        ].join('\n');
        return {value: signed, text};
      }),
    );
}
