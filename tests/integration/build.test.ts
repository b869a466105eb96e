import {chmod, cp, mkdir, readdir, readFile, stat, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type HostTraces, hostTraces} from '../rig/host.js';
import {type CommandResult, home, runTrovestack, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

const fixtures = join(home, 'tests/fixtures/elements');

const none = {mounts: [], loopDevices: [], processes: []};

/** What `image build --output json` prints. */
interface Built {
  readonly file: string;
  readonly sha256: string;
  readonly stepsRun: number;
  readonly stepsReused: number;
  readonly isUnchanged: boolean;
}

interface Planned {
  readonly steps: readonly {readonly step: string; readonly act: string; readonly reason?: string}[];
}

/** One store for the file: a tools root takes half a minute. Each test has elements of its own above the fixtures. */
describe('image build', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    store = join(folder.path, 'store');
    expect(await build('first', [])).toMatchObject({exitCode: 0});
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  function options(name: string): string[] {
    const elements = join(folder.path, name);
    return ['--elements-path', elements, '--elements-path', fixtures];
  }

  async function build(name: string, more: readonly string[]): Promise<CommandResult> {
    return runTrovestack(await buildArguments(name, more), {env: {TROVESTACK_STORE: store}});
  }

  async function buildArguments(name: string, more: readonly string[] = []): Promise<string[]> {
    await mkdir(join(folder.path, name), {recursive: true});
    const file = join(folder.path, `${name}.qcow2`);
    return ['image', 'build', 'mariadb', ...options(name), '--output-file', file, '--output', 'json', ...more];
  }

  async function plan(name: string, more: readonly string[] = []): Promise<Planned> {
    const args = ['image', 'plan', 'mariadb', ...options(name), '--output', 'json', ...more];
    const {stdout} = await runTrovestack(args, {env: {TROVESTACK_STORE: store}});
    return JSON.parse(stdout) as Planned;
  }

  /** Writes an element's hook; `name` is the test's folder. */
  async function writeHook(name: string, path: string, script: string): Promise<void> {
    const file = join(folder.path, name, path);
    await mkdir(dirname(file), {recursive: true});
    await writeFile(file, `#!/bin/bash\nset -eu\n${script}\n`);
    await chmod(file, 0o755);
  }

  /** What builds in this file left on the machine, which other tests and people use too. */
  function traces(): Pick<HostTraces, 'mounts' | 'loopDevices' | 'processes'> {
    const isOurs = (line: string) => line.includes(folder.path) || line.includes('sleep 98765');
    const {mounts, loopDevices, processes} = hostTraces();
    return {
      mounts: mounts.filter(isOurs),
      loopDevices: loopDevices.filter(isOurs),
      processes: processes.filter(isOurs),
    };
  }

  async function leftInStore(): Promise<string[]> {
    return readdir(join(store, 'work'));
  }

  test('a second build of the same reuses every step and leaves the file as it is', async () => {
    const before = await stat(join(folder.path, 'first.qcow2'));
    const {stdout} = await build('first', []);
    expect(JSON.parse(stdout)).toMatchObject({stepsRun: 0, isUnchanged: true} satisfies Partial<Built>);
    expect((await stat(join(folder.path, 'first.qcow2'))).ino).toBe(before.ino);
  });

  test('the image says what it is for, beside it', async () => {
    const manifest = JSON.parse(await readFile(join(folder.path, 'first.qcow2.manifest.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({
      datastore: 'mariadb',
      version: '11.8',
      series: '2025.1',
      container: 'mariadb:11.8',
    });
  });

  test('the same steps run again give the same bytes', async () => {
    const first = JSON.parse((await build('first', [])).stdout) as Built;
    const {exitCode, stdout} = await build('first', ['--rebuild']);
    expect(exitCode).toBe(0);
    const again = JSON.parse(stdout) as Built;
    expect(again.sha256).toBe(first.sha256);
    // The guest's tree begins with steps that the container's has just repeated.
    expect(again).toMatchObject({stepsReused: 2});
  });

  test('a changed hook runs again with those after it, and the plan says why', async () => {
    await cp(join(fixtures, 'trove-guest-agent'), join(folder.path, 'changed/trove-guest-agent'), {recursive: true});
    await writeHook('changed', 'trove-guest-agent/install.d/50-trove-guest-agent', 'echo another > /etc/agent');
    const {steps} = await plan('changed');
    const runs = steps.filter(({act}) => act === 'run').map(({step, reason}) => `${step}: ${reason}`);
    expect(runs[0]).toBe(
      'trove-guest-agent/install.d/50-trove-guest-agent: input changed: install.d/50-trove-guest-agent',
    );
    expect(runs.slice(1).every((line) => line.endsWith(': follows a changed step') || line.includes('manifest'))).toBe(
      true,
    );
    const built = JSON.parse((await build('changed', [])).stdout) as Built;
    expect(built.stepsRun).toBe(runs.length);
  });

  test('a failing hook is named with its log, exit 3; the image that was there stays', async () => {
    await writeHook('failing', 'bad/install.d/90-bad', 'echo the disk is upside down >&2; exit 7');
    const file = join(folder.path, 'failing.qcow2');
    await writeFile(file, 'an older image');
    const {exitCode, stderr} = await build('failing', ['--element', 'bad']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('error hook-failed: Cannot finish image');
    expect(stderr).toContain('install.d/90-bad exited with 7');
    expect(stderr).toContain('the disk is upside down');
    const [, log = ''] = /log +(\S+)/.exec(stderr) ?? [];
    expect(await readFile(log, 'utf8')).toContain('the disk is upside down');
    expect(await readFile(file, 'utf8')).toBe('an older image');
    expect(traces()).toEqual(none);
    expect(await leftInStore()).toEqual([]);
  });

  test('a hook sees nothing of the machine, outside the image as inside', async () => {
    const secret = join(folder.path, 'secret');
    await writeFile(secret, 'secret');
    const probe = [
      `test ! -e '${secret}'`,
      `test ! -e '${store}'`,
      'test -z "$(find /dev -type b)"',
      'test "$(find /proc -maxdepth 1 -name "[0-9]*" | wc -l)" -lt 12',
      // Under set -e a "!" before a command would end nothing; and what is only asked for harms nothing if it is there.
      `if kill -0 ${process.pid} 2> /dev/null; then exit 1; fi`,
      ...['/proc/sysrq-trigger', '/sys/power/state'].map((path) => `if ( : >> ${path} ) 2> /dev/null; then exit 1; fi`),
      'test "$(id -u)" = 0',
    ].join('\n');
    await writeHook('hostile', 'hostile/install.d/90-inside', probe.replace(/.*wc -l.*\n/, ''));
    await writeHook('hostile', 'hostile/cleanup.d/90-outside', `${probe}\ntest -e "$TARGET_ROOT/etc/guest"`);
    const {exitCode, stderr} = await build('hostile', ['--element', 'hostile']);
    expect({exitCode, stderr: stderr.slice(-500)}).toMatchObject({exitCode: 0});
  });

  test('a hook that leaves a daemon and a mount leaves neither on the machine', async () => {
    await writeHook(
      'daemon',
      'daemon/cleanup.d/90-daemon',
      'mkdir -p /tmp/m; mount -t tmpfs none /tmp/m; sleep 98765 & disown',
    );
    expect(await build('daemon', ['--element', 'daemon'])).toMatchObject({exitCode: 0});
    expect(traces()).toEqual(none);
  });

  test('SIGINT in a hook ends everything, exit 130, and keeps what was finished', async () => {
    await writeHook('waiting', 'waiting/finalise.d/90-waiting', 'sleep 98765');
    const events = join(folder.path, 'waiting.events');
    const args = await buildArguments('waiting', ['--element', 'waiting', '--events', events]);
    const running = startTrovestack(args, {env: {TROVESTACK_STORE: store}});
    await started(events, 'waiting/finalise.d/90-waiting');
    running.kill('SIGINT');
    const {exitCode, stderr} = await running.result;
    expect(exitCode).toBe(130);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(traces()).toEqual(none);
    expect(await leftInStore()).toEqual([]);
    const {steps} = await plan('waiting', ['--element', 'waiting']);
    expect(steps.find(({act}) => act === 'run')?.step).toBe('waiting/finalise.d/90-waiting');
  });

  test('kill -9 in a hook leaves no process and no result, and the next build goes on', async () => {
    await writeHook('killed', 'killed/finalise.d/90-killed', 'sleep 98765');
    const events = join(folder.path, 'killed.events');
    const args = await buildArguments('killed', ['--element', 'killed', '--events', events]);
    const running = startTrovestack(args, {env: {TROVESTACK_STORE: store}});
    await started(events, 'killed/finalise.d/90-killed');
    const results = (await readdir(join(store, 'steps'))).length;
    running.kill('SIGKILL');
    await running.result;
    await expect.poll(traces, {timeout: 5000}).toEqual(none);
    expect((await readdir(join(store, 'steps'))).length).toBe(results);
    await writeHook('killed', 'killed/finalise.d/90-killed', 'true');
    expect(await build('killed', ['--element', 'killed'])).toMatchObject({exitCode: 0});
    expect(await leftInStore()).toEqual([]);
  });

  test('two builds at once share their steps', async () => {
    await writeHook('shared', 'shared/install.d/90-shared', 'sleep 2; echo shared > /etc/shared');
    const runs = ['one', 'two'].map(async (name) => {
      const events = join(folder.path, `shared-${name}.events`);
      const args = [...options('shared'), '--element', 'shared', '--events', events, '--output', 'json'];
      const file = join(folder.path, `shared-${name}.qcow2`);
      const result = await runTrovestack(['image', 'build', 'mariadb', '--output-file', file, ...args], {
        env: {TROVESTACK_STORE: store},
      });
      return {built: JSON.parse(result.stdout) as Built, events: await readFile(events, 'utf8')};
    });
    const [one, two] = await Promise.all(runs);
    expect(one?.built.sha256).toBe(two?.built.sha256);
    const finished = `${one?.events}${two?.events}`.match(/"step finished","step":"shared\/install.d\/90-shared"/g);
    expect(finished).toHaveLength(1);
  });

  test("a step of the container made anew: the guest's that takes the container in follows", async () => {
    const step = 'container-mariadb/install.d/20-container-mariadb';
    const {steps} = await plan('first', ['--rebuild', step]);
    const runs = steps.filter(({act}) => act === 'run').map((planned) => planned.step);
    expect(runs).toEqual([step, 'engine/hygiene', 'engine/container', 'engine/manifest', 'engine/hygiene', 'disk']);
  });

  test('an unreachable mirror is told as such, exit 4', async () => {
    const mirror = {DIB_DISTRIBUTION_MIRROR: 'http://127.0.0.1:9/debian'};
    const args = await buildArguments('unreachable');
    const {exitCode, stderr} = await runTrovestack(args, {env: {TROVESTACK_STORE: store, ...mirror}});
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error mirror-unreachable');
    expect(await leftInStore()).toEqual([]);
  });

  test('an unknown element is told with the nearest name, exit 2', async () => {
    const {exitCode, stderr} = await build('first', ['--element', 'trove-gest']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('nearest  trove-guest');
  });

  test('clashing hooks are told all at once, exit 2', async () => {
    for (const name of ['a', 'b']) {
      await writeHook('clash', `${name}/install.d/10-same`, 'true');
      await writeHook('clash', `${name}/finalise.d/20-same`, 'true');
    }
    const {exitCode, stderr} = await build('clash', ['--element', 'a', '--element', 'b']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('2 clashes');
  });

  /** Waits for a step's start in an events file. */
  async function started(events: string, step: string): Promise<void> {
    const line = `"type":"step started","step":"${step}"`;
    await expect.poll(() => readFile(events, 'utf8').catch(() => ''), {timeout: 120_000, interval: 50}).toContain(line);
    // The hook itself begins a moment after its sandbox is made.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
});
