import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {CauseKind} from '../../src/guest/index.js';
import {hostTraces} from '../rig/host.js';
import {rootOffset, Sabotage} from '../rig/sabotage.js';
import {home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

const python = '/usr/lib/python3/dist-packages';
const units = '/etc/systemd/system';

/** What is done to the good image, which no rule sees, and the cause that its boot has to be told with. */
const cases: readonly (readonly [what: string, act: (image: Sabotage) => void, kind: CauseKind])[] = [
  [
    'a resolver that asks a server which is not there',
    (i) => i.write('/etc/systemd/resolved.conf.d/own.conf', '[Resolve]\nDNS=192.0.2.53\nDomains=~.\n'),
    'image: dns',
  ],
  [
    'a network card that asks for no address',
    (i) => i.write('/etc/systemd/network/10-own.network', '[Match]\nType=ether\n[Network]\nDHCP=no\n'),
    'image: network',
  ],
  [
    'a reader of user data without its writer of files',
    (i) => i.remove(`${python}/cloudinit/config/cc_write_files.py`),
    'image: cloud-init',
  ],
  [
    'an option that Docker does not know',
    (i) => i.edit('/etc/docker/daemon.json', '{', '{"no-such-option": true, '),
    'image: docker',
  ],
  [
    "a socket of Docker's for root alone",
    (i) => i.write(`${units}/docker.socket.d/own.conf`, '[Socket]\nSocketMode=0600\n'),
    'image: docker',
  ],
  [
    'a condition that keeps the agent from starting',
    (i) => i.write(`${units}/trove-guestagent.service.d/own.conf`, '[Unit]\nConditionPathExists=/nowhere\n'),
    'image: agent not enabled',
  ],
  ["an agent without a module of Python's", (i) => i.remove(`${python}/docker/__init__.py`), 'image: agent'],
  [
    'an agent that speaks an older version',
    (i) => i.edit(`${python}/trove/guestagent/api.py`, /API_LATEST_VERSION = '1\.\d'/, "API_LATEST_VERSION = '1.0'"),
    'image: agent version',
  ],
  [
    'a later rule that asks for a password',
    (i) => i.write('/etc/sudoers.d/90-own', 'trove ALL=(ALL) PASSWD: ALL\n', 0o440),
    'image: sudo',
  ],
  ['no program that makes ext4', (i) => i.remove('/usr/sbin/mkfs.ext4'), 'image: volume'],
  [
    'a file system of fstab that is not there',
    (i) =>
      i.edit('/etc/fstab', /$/, 'UUID=4d6f0b1a-0000-4000-8000-000000000000 /srv ext4 x-systemd.device-timeout=5 0 2\n'),
    'image: emergency mode',
  ],
  [
    "a packet filter before the database's port",
    (i) =>
      i.write(
        `${units}/docker.service.d/own.conf`,
        '[Service]\nExecStartPost=/usr/sbin/iptables -I DOCKER-USER -p tcp --dport 3306 -j DROP\n',
      ),
    'image: port',
  ],
  [
    'a Docker that starts once',
    (i) =>
      i.write(
        `${units}/docker.service.d/own.conf`,
        '[Service]\nExecStartPre=/bin/sh -c "! test -e /var/lib/once"\nExecStartPre=/bin/touch /var/lib/once\n',
      ),
    'image: docker',
  ],
];

describe('an image that only a boot finds out', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let good: string;
  let offset: number;
  const before = hostTraces();

  beforeAll(async () => {
    folder = await temporaryFolder();
    good = join(folder.path, 'good.raw');
    const built = await runTrovestack(['image', 'build', 'mariadb', '--format', 'raw', '--output-file', good]);
    expect(built, built.stderr).toMatchObject({exitCode: 0});
    offset = await rootOffset(good);
  });

  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    expect(hostTraces()).toEqual(before);
  });

  const verify = (file: string, ...args: string[]) =>
    runTrovestack([
      'image',
      'verify',
      file,
      '--datastore',
      'mariadb',
      '--boot',
      '--proof',
      'control-plane',
      '--output',
      'json',
      ...args,
    ]);

  test('is told from the good one, which keeps its data through a restart', async () => {
    const {exitCode, stdout, stderr} = await verify(good);
    expect(exitCode, stderr).toBe(0);
    const verdict = JSON.parse(stdout);
    expect(verdict).toMatchObject({sound: true, proven: true, depth: 'control-plane'});
    expect(verdict.serverVersion).toMatch(/^11\.8\./);
    const names = verdict.milestones.map(({name}: {name: string}) => name);
    for (const name of ['agent connected', 'agent reports HEALTHY', 'query answered from outside', 'data kept']) {
      expect(names).toContain(name);
    }
  });

  test('gives a person a shell of root at its console, and is not touched', async () => {
    const {mtimeMs} = statSync(good);
    const command = `${process.execPath} ${join(home, 'bin/trovestack.js')} image boot ${good}`;
    const terminal = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null']);
    const ended = once(terminal, 'close');
    let said = '';
    let isAsked = false;
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (!isAsked && /root@\S+.*# /.test(said)) {
        isAsked = true;
        terminal.stdin.write('echo $((6 * 7)) $(id -un) > /root/said; cat /root/said\r');
      }
      if (/^42 root/m.test(said)) terminal.stdin.write('\x01x'); // Ctrl-A x
    });
    const [exitCode] = await ended;
    expect(said).toMatch(/^42 root\r?$/m);
    expect(exitCode, said.slice(-2000)).toBe(0);
    expect(statSync(good).mtimeMs).toBe(mtimeMs);
  });

  for (const [index, [what, act, kind]] of cases.entries()) {
    test.concurrent(`by ${what}: ${kind}`, async () => {
      const file = join(folder.path, `bad-${index}.raw`);
      execFileSync('cp', ['--sparse=always', '--reflink=auto', good, file]);
      try {
        act(new Sabotage(file, offset));
        const {exitCode, stderr} = await verify(file, '--timeout', '360');
        // The rules come first: an image that one of them names isn't booted.
        expect(stderr).toContain(`boots and serves: ${kind}: `);
        expect(exitCode).toBe(3);
      } finally {
        rmSync(file);
      }
    });
  }
});
