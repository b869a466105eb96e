import {InvalidArgumentError, Option} from 'commander';
import type {Cli} from '../cli.js';

interface Options {
  readonly firmware: 'bios' | 'uefi';
  readonly datastore: string;
  readonly memory?: number;
  readonly network?: boolean;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('boot')
    .description('boot an image at this terminal: its console, with a shell of root on it')
    .argument('<file>', 'disk image, qcow2 or raw; only read, the guest writes elsewhere')
    .addOption(new Option('--firmware <kind>', 'what boots it').choices(['bios', 'uefi']).default('bios', 'bios'))
    .option('--datastore <name:version>', "which instance the guest's agent is told that it is", 'mariadb')
    .option('--memory <MiB>', 'memory of the machine (default: the least that the datastore takes)', mebibytes)
    .option('--network', 'let the guest reach what this machine reaches')
    .addHelpText('after', help)
    .action(
      cli.actInNamespace(async (world, file: string, {memory, network, ...options}: Options) => {
        const {bootImage} = await import('../../workflows/boot-image.js');
        const request = {file, ...options, memoryMiB: memory, hasNetwork: network === true};
        const exitCode = await bootImage(request, world);
        return {value: {exitCode}, text: '', exitCode: exitCode ?? 1};
      }),
    );
}

const help = `
The guest has a config drive from Trove, an empty volume, and no network unless asked. Ctrl-A x ends the machine, Ctrl-A c opens QEMU's
monitor. The shell needs systemd 256 or newer in the image; with an older one there is the console alone.`;

function mebibytes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 64)
    throw new InvalidArgumentError('Must be a whole number of MiB, 64 or more.');
  return value;
}
