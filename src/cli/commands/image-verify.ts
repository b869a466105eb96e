import {InvalidArgumentError, Option} from 'commander';
import {exitCodes, UsageError, writeFileWhole} from '../../base/index.js';
import {version} from '../../workflows/program-version.js';
import type {ProofDepth, Verdict, VerifyRequest} from '../../workflows/verify-image.js';
import type {Answer, Cli} from '../cli.js';
import {describeRules, describeVerdict} from '../verdict-text.js';

interface Options {
  readonly boot?: boolean;
  readonly proof: ProofDepth;
  readonly firmware: 'bios' | 'uefi';
  readonly datastore?: string;
  readonly waivers?: string;
  readonly sarif?: string;
  readonly rules?: boolean;
  readonly timeout: number;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('verify')
    .description('ask the rules for guest images of any image file; with --boot, boot it and ask its database')
    .argument('[file]', 'disk image, qcow2 or raw, ours or not; only read')
    .option('--boot', 'boot it in a virtual machine as a cloud would, and ask its database')
    .addOption(
      new Option('--proof <depth>', 'how much of a cloud the boot has: "control-plane" or "database"')
        .choices(['control-plane', 'database'])
        .default('database', 'database'),
    )
    .addOption(new Option('--firmware <kind>', 'what boots it').choices(['bios', 'uefi']).default('bios', 'bios'))
    .option('--datastore <name:version>', 'what it serves (default: what the image says of itself)')
    .option('--waivers <file>', 'findings that may stay for a while, with reason and last day')
    .option('--sarif <file>', 'also write the findings there, as SARIF 2.1.0')
    .option('--rules', 'print the rules, with reason, remedy and source')
    .option('--timeout <seconds>', 'for the boot, power-on to the last answer', seconds, 900)
    .addHelpText('after', helpTail)
    .action(
      cli.actInNamespace(async (world, file: string | undefined, options: Options) => {
        if (options.rules) return await listRules();
        if (file === undefined) throw missingFile();
        const {verifyImage} = await import('../../workflows/verify-image.js');
        const verdict = await verifyImage(requestFrom(file, options), world);
        if (options.sarif !== undefined) await writeSarif(options.sarif, verdict);
        return {value: verdict, text: describeVerdict(verdict), ...(verdict.sound ? {} : {exitCode: exitCodes.step})};
      }),
    );
}

const helpTail = `
With --boot, the database is started as the guest agent would, and asked within the guest. With --proof control-plane too, Trove's own code
prepares the guest through its agent, by a message broker, and the database is asked from outside, before and after a restart.

An image is read without being mounted, and never changed. Exit code 3 when a rule finds an error that isn't waived.
A file of waivers (schemas/waivers.schema.json):
  waivers:
    - {rule: hygiene.logs, reason: kept for the auditors until they are done, expires: 2027-01-31}`;

async function listRules(): Promise<Answer> {
  const {rules} = await import('../../rules/index.js');
  const value = rules.map(({find: _, ...rule}) => rule);
  return {value, text: describeRules(rules)};
}

async function writeSarif(path: string, verdict: Verdict): Promise<void> {
  const {rules, sarifOf} = await import('../../rules/index.js');
  await writeFileWhole(path, `${JSON.stringify(sarifOf(verdict.findings, rules, verdict.file, version), null, 2)}\n`);
}

function missingFile(): UsageError {
  const problem = 'name an image file';
  return new UsageError('bad-argument', {argument: 'FILE', problem, next: 'trovestack image verify --help'});
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Must be a number of seconds above 0.');
  return value;
}

function requestFrom(file: string, options: Options): VerifyRequest {
  const {boot, proof, firmware, datastore, waivers, timeout} = options;
  return {file, boot: boot === true, depth: proof, firmware, datastore, waivers, timeoutMs: timeout * 1000};
}
