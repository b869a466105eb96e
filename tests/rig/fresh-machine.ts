import {spawn, spawnSync} from 'node:child_process';
import {cp, mkdtemp, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {debianSourceLines, findDebianMirrors} from '../../src/base/index.js';
import {type CommandResult, home} from './trovestack.js';

/** A root file system as a machine has it after its installation: Debian with git and apt, and nothing of ours. */
export interface FreshMachine extends AsyncDisposable {
  /** The folder it is in. */
  readonly root: string;
  /** Runs a shell command line in it, as root, on the host's network. */
  run(commandLine: string): Promise<CommandResult>;
  /** What a quickstart in it wrote as JSON. */
  read(path: string): Promise<QuickstartReport>;
}

interface QuickstartReport {
  readonly sql: {readonly answer: string; readonly serverVersion: string};
  readonly stages: readonly {readonly stage: string; readonly durationMs: number; readonly reused?: string}[];
}

/** Makes a fresh machine of a Debian release, with a clone of this repository's last commit in /root/trovestack. */
export async function makeFreshMachine(release: string): Promise<FreshMachine> {
  const root = await mkdtemp(join(process.env.TROVESTACK_TEST_DISK ?? '/var/tmp', `trovestack-fresh-${release}-`));
  const sources = debianSourceLines(release, await findDebianMirrors(process.env));
  demand('mmdebstrap', [
    '--mode=root',
    '--variant=apt',
    '--include=git',
    '--aptopt=APT::Install-Recommends "false"',
    release,
    root,
    ...sources,
  ]);
  demand('git', ['clone', '--quiet', home, join(root, 'root/trovestack')]);
  await addAuthorities(root);
  await writeFile(join(root, 'etc/resolv.conf'), spawnSync('cat', ['/etc/resolv.conf']).stdout);
  return {
    root,
    run: (commandLine) => enter(root, commandLine),
    read: async (path) => JSON.parse(await readFile(join(root, path), 'utf8')) as QuickstartReport,
    async [Symbol.asyncDispose]() {
      spawnSync('rm', ['-rf', '--one-file-system', root]);
    },
  };
}

/** The certificate authorities that this host was given: the mirror or the registry may need them. */
async function addAuthorities(root: string): Promise<void> {
  const folder = '/usr/local/share/ca-certificates';
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.crt'));
  for (const name of names) await cp(join(folder, name), join(root, folder, name));
  const all = spawnSync('sh', ['-c', `cat ${folder}/*.crt 2>/dev/null`]).stdout;
  await writeFile(join(root, 'etc/test-authorities.crt'), all);
}

/** In pid and mount namespaces of its own, with pivot_root, since a plain chroot may open no user namespaces; its /dev is a copy, so that
 * nothing in it can take away the host's. */
const enterScript = `
set -eu
mount --bind "$0" "$0"; cd "$0"
mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p .outside; pivot_root . .outside; cd /root/trovestack
chroot /.outside umount --no-mtab --lazy /
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_EXTRA_CA_CERTS=/etc/test-authorities.crt \\
  sh -c "$1"`;

function enter(root: string, commandLine: string): Promise<CommandResult> {
  const argv = [
    join(home, 'tests/rig/own-devices.sh'),
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
    'sh',
    '-c',
    enterScript,
    root,
    commandLine,
  ];
  const child = spawn('sh', argv, {stdio: ['ignore', 'pipe', 'pipe']});
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    process.stderr.write(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({exitCode, stdout, stderr}));
  });
}

function demand(program: string, args: readonly string[]): void {
  const {status, stderr} = spawnSync(program, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${program} exited with ${status}:\n${stderr}`);
}
