import {InvalidArgumentError, Option} from 'commander';
import type {Verdict, VerifyRequest} from '../../workflows/verify-image.js';
import type {Cli} from '../cli.js';

interface Options {
  readonly boot?: boolean;
  readonly firmware: 'bios' | 'uefi';
  readonly datastore?: string;
  readonly timeout: number;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('verify')
    .description('look into an image file; with --boot, boot it and ask its database')
    .argument('<file>', 'disk image, qcow2 or raw; only read')
    .option('--boot', 'boot it in a virtual machine as a cloud would, and run a query in its database')
    .addOption(new Option('--firmware <kind>', 'what boots it').choices(['bios', 'uefi']).default('bios', 'bios'))
    .option('--datastore <name:version>', 'what it serves (default: what the image says of itself)')
    .option('--timeout <seconds>', 'for the boot, power-on to answer', seconds, 600)
    .action(
      cli.actInNamespace(async (world, file: string, options: Options) => {
        const {verifyImage} = await import('../../workflows/verify-image.js');
        const verdict = await verifyImage(requestFrom(file, options), world);
        return {value: verdict, text: textOf(verdict)};
      }),
    );
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Must be a number of seconds above 0.');
  return value;
}

function requestFrom(file: string, {boot, firmware, datastore, timeout}: Options): VerifyRequest {
  return {
    file,
    boot: boot === true,
    firmware,
    timeoutMs: timeout * 1000,
    ...(datastore ? {datastore} : {}),
  };
}

function textOf(verdict: Verdict): string {
  const name = verdict.file.split('/').at(-1);
  if (!verdict.proven) {
    return [`sound: ${name}`, ...verdict.checks.map((check) => `  ${check.name.padEnd(18)}${check.detail}`)].join('\n');
  }
  const answered = verdict.milestones.at(-1);
  const times = verdict.milestones.map((m) => `  ${(m.atMs / 1000).toFixed(1).padStart(6)} s  ${m.name}`);
  const where = `${verdict.firmware} on ${verdict.accelerator}`;
  const after = answered ? ` after ${(answered.atMs / 1000).toFixed(1)} s` : '';
  return [
    `proven: ${name} boots by ${where}, and its database answered${after}: ${verdict.serverVersion}`,
    ...times,
  ].join('\n');
}
