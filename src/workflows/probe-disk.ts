import {describeEnd, lastLines, type Outcome} from '../base/index.js';
import type {DiskFile} from '../disk/index.js';
import {type ImageContent, parsePasswords} from '../inspection/index.js';
import type {Probes} from '../rules/index.js';
import {type ImageTools, imageInside, type RawDisk} from './image-tools.js';

/** Asks the programs that know best about an image file: its own tables, the root file system, what UEFI would start, and
 * whether passwords are those that everybody tries first. The file is only read.
 * @throws {StepError} `image-unsound` when its content can't be read.
 */
export async function probeDisk(disk: DiskFile, content: ImageContent, tools: ImageTools): Promise<Probes> {
  const {run} = tools;
  const check = ['qemu-img', 'check', '--quiet', '-f', 'qcow2', imageInside];
  const checked = disk.format === 'qcow2' ? await run('checking the tables', check) : undefined;
  const raw = await tools.raw();
  const root = content.partitions.find(({mountPoint}) => mountPoint === '/');
  const rootAt = `${raw.inside}?offset=${root?.startBytes ?? 0}`;
  const system = await run('checking the root file system', ['e2fsck', '-f', '-n', rootAt]);
  const programs = await uefiPrograms(content, raw, tools);
  return {
    ...(checked?.exitCode === onlyLeaks ? {qcow2Leaks: leaksOf(checked)} : withProblem('qcow2Problem', checked)),
    ...withProblem('fileSystemProblem', system),
    ...(programs ? {uefiPrograms: programs} : {}),
    guessablePasswords: await guessablePasswords(content, tools),
  };
}

/** Of `qemu-img check`: clusters that nothing uses, and nothing worse. */
const onlyLeaks = 3;

function leaksOf({stdout, stderr}: Outcome): string {
  const count = [...`${stdout}\n${stderr}`.matchAll(/^Leaked cluster/gm)].length;
  return `${count || 'some'} clusters are marked as used, and nothing uses them`;
}

function withProblem<Name extends string>(name: Name, outcome: Outcome | undefined): {readonly [key in Name]?: string} {
  const problem = outcome && problemOf(outcome);
  return (problem === undefined ? {} : {[name]: problem}) as {readonly [key in Name]?: string};
}

function problemOf(outcome: Outcome): string | undefined {
  if (outcome.exitCode === 0) return undefined;
  const said = lastLines(outcome.stderr || outcome.stdout, 3).replaceAll('\n', '; ');
  return said || describeEnd(outcome);
}

/** Names in EFI/BOOT; undefined without an EFI system partition. */
async function uefiPrograms(content: ImageContent, raw: RawDisk, {run}: ImageTools): Promise<string[] | undefined> {
  const type = {gpt: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', mbr: 'ef', none: ''}[content.table];
  const partition = content.partitions.find((one) => one.type === type);
  if (!partition) return undefined;
  const listed = await run('listing the EFI partition', [
    'mdir',
    '-b',
    '-i',
    `${raw.inside}@@${partition.startBytes}`,
    '::/EFI/BOOT',
  ]);
  return listed.exitCode === 0 ? [...listed.stdout.matchAll(/([^/\s]+\.EFI)\s*$/gim)].map(([, name = '']) => name) : [];
}

/** What everybody tries first, beside the user's own name. */
const commonPasswords = [
  'password',
  'root',
  'admin',
  'secret',
  'changeme',
  '123456',
  'trove',
  'debian',
  'ubuntu',
  'cloud',
];

/** Hashes one candidate after the other as crypt(3) does; prints the users whose hash is met. */
const guess = `
while (<>) { chomp; my ($user, $hash, @words) = split /:/;
  for my $word (@words) { my $made = crypt($word, $hash); if (defined $made && $made eq $hash) { print "$user\\n"; last } } }`;

async function guessablePasswords({texts}: ImageContent, {run, give, limits}: ImageTools): Promise<string[]> {
  const set = parsePasswords(texts['/etc/shadow'] ?? '').filter(({password}) => password.startsWith('$'));
  if (set.length === 0) return [];
  const lines = set.map(({user, password}) => [user, password, user, ...commonPasswords].join(':'));
  const file = await give('passwords', `${lines.join('\n')}\n`);
  const guessed = await run('trying passwords', ['perl', '-e', guess, file], limits.passwordsMs);
  if (guessed.exitCode !== 0) throw new Error(`perl ${describeEnd(guessed)}: ${guessed.stderr}`);
  return guessed.stdout.split('\n').filter(Boolean);
}
