import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {rootOffset, Sabotage} from '../rig/sabotage.js';
import {runTrovestack, temporaryFolder} from '../rig/trovestack.js';

interface Finding {
  readonly rule: string;
}

const wants = '/etc/systemd/system/multi-user.target.wants';
const unit = '/etc/systemd/system/trove-guestagent.service';
const cloud = '/etc/cloud/cloud.cfg.d/90_trove-guest.cfg';

/** What is done to the good image, and the rules that have to name it. */
const cases: readonly (readonly [what: string, act: (image: Sabotage) => void, rules: readonly string[]])[] = [
  [
    'an fstab with the UUID of another disk',
    (i) => i.edit('/etc/fstab', /^UUID=\S+ \/ /m, 'UUID=0-0 / '),
    ['disk.fstab-root'],
  ],
  ['no init', (i) => i.remove('/usr/sbin/init'), ['system.init']],
  [
    'an empty initial file system',
    (i) => i.write(i.read('/boot/grub/grub.cfg') && initrdOf(i), ''),
    ['system.initramfs'],
  ],
  ['another release', (i) => i.edit('/usr/lib/os-release', 'trixie', 'bookworm'), ['system.release']],
  [
    'a package half configured',
    (i) => i.edit('/var/lib/dpkg/status', /(Package: sudo\nStatus: install ok )installed/, '$1half-configured'),
    ['system.packages-whole'],
  ],
  [
    'policy-rc.d',
    (i) => i.write('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755),
    ['system.services-may-start'],
  ],
  ["the builder's name server", (i) => i.write('/etc/resolv.conf', 'nameserver 192.0.2.1\n'), ['system.resolver']],
  [
    'a resolver that is off',
    (i) => i.remove('/etc/systemd/system/sysinit.target.wants/systemd-resolved.service'),
    ['system.resolver'],
  ],
  ['cloud-init disabled', (i) => i.write('/etc/cloud/cloud-init.disabled', ''), ['cloud-init.enabled']],
  ['no config drive', (i) => i.edit(cloud, 'ConfigDrive, ', ''), ['cloud-init.config-drive']],
  ['no metadata service', (i) => i.edit(cloud, 'OpenStack, ', ''), ['cloud-init.metadata-service']],
  ['no write_files', (i) => i.edit(cloud, 'write_files, ', ''), ['cloud-init.writes-files']],
  [
    'an agent of another series',
    (i) =>
      i.edit(
        '/var/lib/dpkg/status',
        /(Package: trove-guestagent\n(?:[A-Z][^\n]*\n| [^\n]*\n)*?Version: (?:1:)?)23/,
        '$118',
      ),
    ['agent.series'],
  ],
  ["the agent's unit disabled", (i) => i.remove(`${wants}/trove-guestagent.service`), ['agent.unit']],
  [
    'another folder for its configuration',
    (i) => i.edit(unit, '/etc/trove/conf.d', '/etc/other'),
    ['agent.configuration'],
  ],
  [
    'another program',
    (i) => i.edit(unit, '/usr/bin/trove-guestagent', '/opt/venv/bin/trove-guestagent'),
    ['agent.program'],
  ],
  ['an agent without a user', (i) => i.edit('/etc/passwd', /^trove:.*\n/m, ''), ['agent.user']],
  ['no sudo rule', (i) => i.remove('/etc/sudoers.d/60-trove'), ['agent.sudo']],
  [
    "an instance's identity",
    (i) => i.write('/etc/trove/conf.d/guest_info.conf', '[DEFAULT]\nguest_id = 1\n'),
    ['agent.no-identity'],
  ],
  [
    'a container of another tag',
    (i) => i.edit('/var/lib/docker/image/overlay2/repositories.json', 'mariadb:11.8', 'mariadb:11.7', 0o600),
    ['payload.container'],
  ],
  ["settings that Docker can't read", (i) => i.write('/etc/docker/daemon.json', '{'), ['payload.docker-settings']],
  [
    'a data directory under the mount point',
    (i) => i.write('/var/lib/mysql/ibdata1', 'x'),
    ['payload.empty-mount-point'],
  ],
  ['a machine id', (i) => i.write('/etc/machine-id', `${'0'.repeat(31)}1\n`), ['hygiene.machine-id']],
  ['a host key', (i) => i.write('/etc/ssh/ssh_host_rsa_key', 'key', 0o600), ['hygiene.host-keys']],
  [
    'a random seed',
    (i) => i.write('/var/lib/systemd/random-seed', Buffer.alloc(32, 7), 0o600),
    ['hygiene.random-seed'],
  ],
  ['a log', (i) => i.write('/var/log/dpkg.log', 'installed\n'), ['hygiene.logs']],
  ['a history of commands', (i) => i.write('/root/.bash_history', 'mysql -psecret\n', 0o600), ['hygiene.history']],
  [
    'a private key',
    (i) => i.write('/root/.ssh/id_ed25519', '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n', 0o600),
    ['secrets.private-keys'],
  ],
  [
    'an authorized key',
    (i) => i.write('/root/.ssh/authorized_keys', 'ssh-ed25519 AAAA me\n', 0o600),
    ['secrets.authorized-keys'],
  ],
  ['an empty password', (i) => i.edit('/etc/shadow', /^root:\*/m, 'root:', 0o640), ['secrets.empty-passwords']],
  [
    "a password that is the user's name",
    (i) => i.edit('/etc/shadow', /^trove:!/m, `trove:${hashOf('trove')}`, 0o640),
    ['secrets.guessable-passwords'],
  ],
  [
    'a clouds.yaml',
    (i) => i.write('/root/.config/openstack/clouds.yaml', 'clouds:\n  a:\n    auth:\n      password: x\n', 0o600),
    ['secrets.credentials'],
  ],
  [
    "a password of Trove's services",
    (i) => i.write('/etc/trove/trove.conf', 'transport_url = rabbit://u:p@192.0.2.1\n'),
    ['secrets.service-passwords'],
  ],
];

/** As crypt(3) makes it. */
function hashOf(password: string): string {
  return execFileSync('perl', ['-e', 'print crypt($ARGV[0], q($y$j9T$abcdefgh$))', password], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function initrdOf(image: Sabotage): string {
  const listed = execFileSync('debugfs', ['-R', 'ls -p /boot', image.file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return `/boot/${/\/(initrd\.img-[^/]+)\//.exec(listed)?.[1]}`;
}

describe('an image that was tampered with', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let good: string;
  let offset: number;

  beforeAll(async () => {
    folder = await temporaryFolder();
    good = join(folder.path, 'good.raw');
    const built = await runTrovestack(['image', 'build', 'mariadb', '--format', 'raw', '--output-file', good]);
    expect(built, built.stderr).toMatchObject({exitCode: 0});
    offset = await rootOffset(good);
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  async function findings(file: string): Promise<string[]> {
    const {stdout, stderr} = await runTrovestack([
      'image',
      'verify',
      file,
      '--datastore',
      'mariadb',
      '--output',
      'json',
    ]);
    expect(stdout, stderr).toContain('findings');
    return [...new Set((JSON.parse(stdout) as {findings: Finding[]}).findings.map(({rule}) => rule))];
  }

  test('is told from the good one, of which no rule says anything', async () => {
    expect(await findings(good)).toEqual([]);
  });

  for (const [what, act, rules] of cases) {
    test(`by ${what}: ${rules.join(', ')}`, async () => {
      const file = join(folder.path, 'bad.raw');
      execFileSync('cp', ['--sparse=always', '--reflink=auto', good, file]);
      try {
        act(new Sabotage(file, offset));
        expect(await findings(file)).toEqual(rules);
      } finally {
        rmSync(file);
      }
    });
  }

  test('in one byte of its file system is told', async () => {
    const file = join(folder.path, 'bad.raw');
    execFileSync('cp', ['--sparse=always', '--reflink=auto', good, file]);
    const bytes = readFileSync(file);
    bytes.fill(0xff, offset + 1024 + 0x68, offset + 1024 + 0x70); // the superblock's UUID, and so its checksum
    writeFileSync(file, bytes);
    const {exitCode} = await runTrovestack(['image', 'verify', file, '--datastore', 'mariadb']);
    expect([2, 3]).toContain(exitCode);
    rmSync(file);
  });
});
