import {execFileSync, spawn} from 'node:child_process';
import {chmod, lstat, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, onTestFinished, test} from 'vitest';
import {hostTraces} from '../rig/host.js';
import {killAtRandomMoments} from '../rig/kill.js';
import {limitMemory} from '../rig/memory-limit.js';
import {type CommandResult, home, runTrovestack, startProgram, temporaryFolder} from '../rig/trovestack.js';

const fixtures = join(home, 'tests/fixtures/elements');

/** Elements that harm, hang, fill and fork: what they reach, and what the build says. One store for the file. */
describe('a hook that means harm', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    store = join(folder.path, 'store');
    await mkdir(join(folder.path, 'elements'));
    expect(await build([])).toMatchObject({exitCode: 0});
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  function buildArguments(more: readonly string[]): string[] {
    const paths = ['--elements-path', join(folder.path, 'elements'), '--elements-path', fixtures];
    return ['image', 'build', 'mariadb', ...paths, '--output-file', join(folder.path, 'image.qcow2'), ...more];
  }

  function build(more: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
    return runTrovestack(buildArguments(more), {env: {TROVESTACK_STORE: store, ...env}});
  }

  async function writeElementFile(path: string, text: string): Promise<void> {
    const file = join(folder.path, 'elements', path);
    await mkdir(dirname(file), {recursive: true});
    await writeFile(file, text);
    await chmod(file, 0o755);
  }

  function writeHook(path: string, script: string): Promise<void> {
    return writeElementFile(path, `#!/bin/bash\nset -eu\n${script}\n`);
  }

  async function listening(where: {port: number; host: string} | {path: string}): Promise<Server> {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(where, resolve));
    return server;
  }

  /** All that the store has, with what tells of a change; the time of `facts.json` is that of the last use. */
  function results(): string {
    const script = 'cd "$1" && find steps roots images ! -name facts.json -printf "%p %m %U %s %T@ %l\\n" | sort';
    return execFileSync('sh', ['-c', script, 'results', store], {encoding: 'utf8', maxBuffer: 2 ** 28});
  }

  test('reaches nothing of the machine, and leaves nothing on it', async () => {
    const [secret, drop] = [join(folder.path, 'secret'), join(folder.path, 'drop')];
    await writeFile(secret, 'secret', {mode: 0o644});
    await mkdir(drop);
    await chmod(drop, 0o777);
    const victim = spawn('sleep', ['98762']);
    const loopback = await listening({port: 0, host: '127.0.0.1'});
    const abstract = `trovestack-test-${process.pid}`;
    const socket = await listening({path: `\0${abstract}`});
    onTestFinished(() => {
      victim.kill();
      loopback.close();
      socket.close();
    });
    const targets = {secret, drop, store, victim: victim.pid, port: (loopback.address() as AddressInfo).port, abstract};
    const lines = Object.entries(targets).map(([name, value]) => `${name}=${value}`);
    await writeElementFile('hostile-targets/hostile/targets', `${lines.join('\n')}\n`);
    const [hostName, modes, before, packages] = [
      await readFile('/proc/sys/kernel/hostname'),
      hostTraces().deviceModes,
      results(),
      await readdir(join(store, 'packages')),
    ];

    const {exitCode, stderr} = await build(['--element', 'hostile', '--element', 'hostile-targets']);

    expect({exitCode, reached: stderr.match(/REACHED.*/g)}).toEqual({exitCode: 0, reached: null});
    for (const ending of ['cdx.json', 'spdx.json']) {
      const bill = JSON.parse(await readFile(join(folder.path, `image.${ending}`), 'utf8')) as object;
      expect(Object.keys(bill)).toContain(ending === 'cdx.json' ? 'bomFormat' : 'spdxVersion');
    }
    expect(await readdir(drop)).toEqual([]);
    expect(await readFile(secret, 'utf8')).toBe('secret');
    const {uid, gid, mode} = await lstat(secret);
    expect({uid, gid, mode: mode & 0o777}).toEqual({uid: process.getuid?.(), gid: process.getgid?.(), mode: 0o644});
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    expect(await readFile('/proc/sys/kernel/hostname')).toEqual(hostName);
    const after = hostTraces();
    expect(after.deviceModes).toEqual(modes);
    expect(after.processes.filter((line) => line.includes('sleep 98761'))).toEqual([]);
    expect(after.mounts.filter((line) => line.includes(folder.path))).toEqual([]);
    const kept = new Set(results().split('\n'));
    const changed = before.split('\n').filter((line) => !kept.has(line));
    // The image is made anew, and the folders that hold results have more in them.
    expect(changed.filter((line) => !/^(steps|roots|images) /.test(line))).toEqual([]);
    expect((await readdir(join(store, 'packages'))).sort()).toEqual(packages.sort());
    expect(await readdir(join(store, 'work'))).toEqual([]);
  });

  test('and hangs is ended when its time is up: which, how long, what it printed last', async () => {
    await writeHook('hanging/install.d/90-hanging', 'echo waiting for the moon; sleep 98763');
    const {exitCode, stderr} = await build(['--element', 'hanging', '--hook-timeout', '0.05']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('install.d/90-hanging did not end within 0.05 minutes and was ended');
    expect(stderr).toContain('waiting for the moon');
    expect(stderr).toContain('--hook-timeout');
    expect(hostTraces().processes.filter((line) => line.includes('sleep 98763'))).toEqual([]);
  });

  test('and prints without end is kept in bounds', async () => {
    await writeHook('loud/install.d/90-loud', 'cat /dev/zero');
    const {exitCode, stderr} = await build(['--element', 'loud', '--hook-timeout', '0.1']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('install.d/90-loud did not end');
    expect(stderr.length).toBeLessThan(100_000);
    const [, log = ''] = /log +(\S+)/.exec(stderr) ?? [];
    expect((await lstat(log)).size).toBeLessThan(66 * 1024 * 1024);
  });

  test('and ends everything in its sandbox ends only that', async () => {
    await writeHook('killing/install.d/90-killing', 'kill -9 1 $PPID; kill -9 -1 || true');
    const {exitCode, stderr} = await build(['--element', 'killing']);
    expect({exitCode, stderr: stderr.slice(-500)}).toMatchObject({exitCode: 0});
  });

  test('and ends itself is told with the signal', async () => {
    await writeHook('dying/install.d/90-dying', 'kill -9 $$');
    const {exitCode, stderr} = await build(['--element', 'dying']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('install.d/90-dying exited with 137 (SIGKILL)');
  });

  test('and takes all memory is ended by the kernel: which, and by what signal, exit 4; the next build is right', async ({
    skip,
  }) => {
    await using limit = await limitMemory(400 * 1024 * 1024);
    if (!limit) return skip('no control group can be made here');
    await writeHook('hungry/install.d/90-hungry', 'x=a; while :; do x=$x$x; done');
    const command = [process.execPath, join(home, 'bin/trovestack.js'), ...buildArguments(['--element', 'hungry'])];
    const env = {TROVESTACK_STORE: store};
    const {exitCode, stderr} = await startProgram([...limit.argv, ...command], {env}).result;
    expect({exitCode, stderr: stderr.slice(-800)}).toMatchObject({exitCode: 4});
    expect(stderr).toMatch(/error out-of-memory: .* hungry\/install\.d\/90-hungry .* by SIGKILL/);
    await writeHook('hungry/install.d/90-hungry', 'true');
    expect(await build(['--element', 'hungry'])).toMatchObject({exitCode: 0});
    expect(await readdir(join(store, 'work'))).toEqual([]);
  });

  test('and puts a link where the engine mounts is told so', async () => {
    await writeHook('linking/post-root.d/90-linking', 'rm -rf "$TARGET_ROOT/tmp"; ln -s /mnt/steps "$TARGET_ROOT/tmp"');
    await writeHook('linking/finalise.d/90-after', 'true');
    const before = results();
    const {exitCode, stderr} = await build(['--element', 'linking']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('the tree has a link where /tmp/in_target.d is to be mounted');
    const kept = new Set(results().split('\n'));
    expect(before.split('\n').filter((line) => !kept.has(line) && !/^(steps|roots|images) /.test(line))).toEqual([]);
  });

  test('and fills the disk of the store is told as such, exit 4; with space the build goes on', async () => {
    await writeHook('filling/install.d/90-filling', 'cat /dev/zero > /filler');
    // A small disk of the test's own, in a mount namespace that ends with it.
    const script = [
      'set -e; mkdir -p "$1/small"; mount -t tmpfs -o size=300m none "$1/small"',
      'for name in .trovestack-store first-id steps locks; do cp -a "$1/store/$name" "$1/small/"; done',
      'mkdir "$1/small/roots"; mount --bind "$1/store/roots" "$1/small/roots"; shift; set +e',
      '"$@"; code=$?; ls "$TROVESTACK_STORE/work" >&2; exit $code',
    ].join('\n');
    const command = [process.execPath, join(home, 'bin/trovestack.js'), ...buildArguments(['--element', 'filling'])];
    const {exitCode, stderr} = await startProgram(
      ['unshare', '--mount', 'sh', '-c', script, 'full', folder.path, ...command],
      {
        env: {TROVESTACK_STORE: join(folder.path, 'small')},
      },
    ).result;
    expect({exitCode, stderr: stderr.slice(-800)}).toMatchObject({exitCode: 4});
    expect(stderr).toContain('error disk-full: Cannot finish');
    await writeHook('filling/install.d/90-filling', 'true');
    expect(await build(['--element', 'filling'])).toMatchObject({exitCode: 0});
  });

  test('meets a store that cannot be written: told as such, exit 4', async () => {
    const script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"';
    const command = [process.execPath, join(home, 'bin/trovestack.js'), ...buildArguments([])];
    const {exitCode, stderr} = await startProgram(['unshare', '--mount', 'sh', '-c', script, 'ro', store, ...command], {
      env: {TROVESTACK_STORE: store},
    }).result;
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error no-access: Cannot use');
    expect(stderr).toContain('its file system is read-only');
  });

  test('is not needed: kill -9 at random moments of a build leaves nothing, and the next build is right', async () => {
    expect.hasAssertions();
    await killAtRandomMoments([...buildArguments([]), '--output', 'json'], store, 3, Date.now());
  });

  test('can be looked into by a shell, which asks for a terminal, exit 2', async () => {
    const {exitCode, stderr} = await build(['--shell-at', 'trove-guest-agent/install.d/50-trove-guest-agent']);
    expect({exitCode, stderr}).toMatchObject({exitCode: 2, stderr: expect.stringContaining('error no-terminal')});
  });

  test('and a shell at its step, at a terminal, sees the step and keeps nothing', async () => {
    const step = 'trove-guest-agent/install.d/50-trove-guest-agent';
    const before = JSON.parse((await build(['--output', 'json'])).stdout) as {sha256: string};
    const command = [process.execPath, join(home, 'bin/trovestack.js'), ...buildArguments(['--shell-at', step])];
    // script(1) is the terminal; what is typed comes when the shell is there to read it.
    const typed = 'grep guest /etc/guest; test -e /etc/agent || echo "no agent yet"; touch /etc/typed; exit 0\n';
    const script = `(while ! grep -q 'a shell before' "$1"; do sleep 0.2; done; sleep 1; printf '${typed}'; sleep 1) | script -qefc "$2" "$1" > /dev/null; code=$?; cat "$1" >&2; rm "$1"; exit $code`;
    const transcript = join(folder.path, 'transcript');
    await writeFile(transcript, '');
    const words = command.map((word) => `'${word}'`).join(' ');
    const {exitCode, stderr} = await startProgram(['bash', '-c', script, 'terminal', transcript, words], {
      env: {TROVESTACK_STORE: store},
    }).result;
    expect({exitCode, stderr}).toMatchObject({exitCode: 0, stderr: expect.stringMatching(/^no agent yet/m)});
    const after = JSON.parse((await build(['--output', 'json'])).stdout) as {sha256: string};
    expect(after.sha256).toBe(before.sha256);
  });

  // Last, since what it leaves in the store can't be copied by the tests that copy the store.
  test('and leaves a path longer than the kernel takes, failing or not: told, and nothing stops the next build', async () => {
    const deep = [
      'part=$(for _ in {1..18}; do printf %0200d/ 0; done); for _ in 1 2; do mkdir -p $part; cd -P $part; done',
      "mkdir -p $(printf 'd/%.0s' {1..1100})", // deeper than Python recurses
    ].join('\n');
    await writeHook('deep/install.d/90-deep', `cd /var/cache/apt/archives\n${deep}\nexit 1`);
    const args = ['--element', 'deep', '--format', 'tar']; // no test of disks
    expect(await build(args)).toMatchObject({exitCode: 3});
    expect(await readdir(join(store, 'work'))).toEqual([]);
    await writeHook('deep/install.d/90-deep', `cd /var/tmp\n${deep}`);
    const {exitCode, stderr} = await build(args);
    expect({exitCode, stderr}).toMatchObject({exitCode: 0});
    expect(await readdir(join(store, 'work'))).toEqual([]);
    expect(await build([])).toMatchObject({exitCode: 0});
  });
});
