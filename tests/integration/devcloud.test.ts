import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {Instance} from '../../src/devcloud/index.js';
import type {DevcloudStatus} from '../../src/workflows/devcloud-status.js';
import {type HostTraces, hostTraces} from '../rig/host.js';
import {runTrovestack, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** Devclouds of profile `api`, in a state folder of the test's own, on the store that the machine has. */
describe.skipIf(process.getuid?.() !== 0)('devcloud', () => {
  let state: Awaited<ReturnType<typeof temporaryFolder>>;
  let before: HostTraces;
  const devcloud = (...args: string[]) =>
    runTrovestack(['devcloud', ...args], {env: {TROVESTACK_STATE: state.path, OS_CLOUD: undefined}});

  beforeAll(async () => {
    state = await temporaryFolder();
    before = hostTraces();
  });

  afterAll(async () => {
    for (const name of ['first', 'second', 'cut']) await devcloud('destroy', '--name', name);
    await state[Symbol.asyncDispose]();
  });

  async function up(name: string, ...args: string[]): Promise<DevcloudStatus> {
    const {exitCode, stdout, stderr} = await devcloud('up', '--name', name, '--output', 'json', ...args);
    expect({exitCode, stderr: exitCode === 0 ? '' : stderr}).toEqual({exitCode: 0, stderr: ''});
    return JSON.parse(stdout) as DevcloudStatus;
  }

  async function statusOf(name: string): Promise<DevcloudStatus> {
    return JSON.parse((await devcloud('status', '--name', name, '--output', 'json')).stdout) as DevcloudStatus;
  }

  test('up: two at once; every service answers, and the clouds file has both entries', async () => {
    const both = await Promise.all(['first', 'second'].map((name) => up(name, '--profile', 'api')));
    for (const [index, name] of ['first', 'second'].entries()) {
      expect(both[index]).toMatchObject({name, profile: 'api', running: true, cloud: `trovestack-${name}`});
      expect(both[index]?.services.map((service) => `${service.name} ${service.state}`)).toEqual([
        'mariadb running',
        'keystone running',
        'glance running',
        'trove-api running',
      ]);
    }
    const file = join(state.path, 'clouds.yaml');
    expect(
      readFileSync(file, 'utf8')
        .match(/^ {2}trovestack-\w+:$/gm)
        ?.sort(),
    ).toEqual(['  trovestack-first:', '  trovestack-second:']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('up again: it is left as it is', async () => {
    const {stdout} = await devcloud('status', '--name', 'first', '--output', 'json');
    const again = await up('first');
    expect(again.startedAt).toBe((JSON.parse(stdout) as DevcloudStatus).startedAt);
  });

  test('exec: runs inside as the administrator, and hands on output and exit code', async () => {
    const list = await devcloud(
      'exec',
      '--name',
      'first',
      '--',
      'openstack',
      'service',
      'list',
      '-f',
      'value',
      '-c',
      'Type',
    );
    expect(list.stdout.trim().split('\n').sort()).toEqual(['database', 'identity', 'image']);
    const failing = await devcloud('exec', '--name', 'first', 'sh', '-c', 'echo out; echo err >&2; exit 7');
    expect(failing).toEqual({exitCode: 7, stdout: 'out\n', stderr: 'err\n'});
  });

  test('inside, nothing of the host is to be seen', async () => {
    const seen = await devcloud('exec', '--name', 'first', 'sh', '-c', 'ps -eo comm && ls / && ls -A /.host');
    expect(seen).toMatchObject({exitCode: 0, stdout: expect.stringMatching(/^mariadbd$[\s\S]*^etc$/m)});
    expect(seen.stdout).not.toMatch(/node|vitest|\bwork\b/);
  });

  test('each has its own address and passwords', async () => {
    const first = await statusOf('first');
    const second = await statusOf('second');
    expect(second.address).not.toBe(first.address);
    const passwords = readFileSync(join(state.path, 'clouds.yaml'), 'utf8').match(/password: .*/g);
    expect(new Set(passwords).size).toBe(2);
    for (const name of ['first', 'second']) {
      const token = await devcloud(
        'exec',
        '--name',
        name,
        '--',
        'openstack',
        'token',
        'issue',
        '-f',
        'value',
        '-c',
        'id',
      );
      expect(token).toMatchObject({exitCode: 0, stderr: ''});
    }
  });

  test('down and up: what it holds is there again', async () => {
    await devcloud('exec', '--name', 'first', '--', 'openstack', 'project', 'create', 'remembered');
    const down = await devcloud('down', '--name', 'first');
    expect(down.exitCode).toBe(0);
    const status = await devcloud('status', '--name', 'first', '--output', 'json');
    expect(JSON.parse(status.stdout)).toMatchObject({running: false, services: []});
    const exec = await devcloud('exec', '--name', 'first', 'true');
    expect(exec).toMatchObject({exitCode: 4, stderr: expect.stringContaining('devcloud-down')});
    await up('first');
    const list = await devcloud(
      'exec',
      '--name',
      'first',
      '--',
      'openstack',
      'project',
      'list',
      '-f',
      'value',
      '-c',
      'Name',
    );
    expect(list.stdout).toContain('remembered');
  });

  test('logs: of one service, and a near name for a wrong one', async () => {
    expect((await devcloud('logs', 'trove-api', '--name', 'first')).stdout).toContain('wsgi starting up');
    const wrong = await devcloud('logs', 'trove-apy', '--name', 'first');
    expect(wrong).toMatchObject({exitCode: 2, stderr: expect.stringContaining('trove-api')});
  });

  test('env: exports that a shell can evaluate', async () => {
    const {stdout} = await devcloud('env', '--name', 'first');
    const shown = execFileSync('sh', ['-c', `${stdout}echo $OS_CLOUD $OS_CLIENT_CONFIG_FILE`], {encoding: 'utf8'});
    expect(shown).toBe(`trovestack-first ${join(state.path, 'clouds.yaml')}\n`);
  });

  test('a service that dies is started again', async () => {
    const oldest = async () => (await devcloud('exec', '--name', 'first', 'pgrep', '-o', '-x', 'glance-api')).stdout;
    const before = await oldest();
    expect(before).toMatch(/^\d+\n$/);
    expect(await devcloud('exec', '--name', 'first', 'pkill', '-KILL', '-x', 'glance-api')).toMatchObject({
      exitCode: 0,
    });
    await expect
      .poll(async () => (await devcloud('exec', '--name', 'first', '--', 'openstack', 'image', 'list')).exitCode, {
        timeout: 30_000,
      })
      .toBe(0);
    const after = await oldest();
    expect(after).toMatch(/^\d+\n$/);
    expect(after).not.toBe(before);
  });

  test('killed from outside, it is down at once, and comes up again', async () => {
    const {run} = JSON.parse(readFileSync(join(state.path, 'devclouds/second/devcloud.json'), 'utf8')) as Instance;
    process.kill(run?.supervisor.pid ?? Number.NaN, 'SIGKILL');
    await expect
      .poll(async () => JSON.parse((await devcloud('status', '--name', 'second', '--output', 'json')).stdout).running)
      .toBe(false);
    expect((await up('second')).running).toBe(true);
  });

  test.each([
    ['a wrong subnet', ['up', '--name', 'cut', '--subnet', '8.8.8.0/24'], 2, 'bad-argument'],
    ['a wrong name', ['up', '--name', '../x'], 2, 'bad-argument'],
    ['another profile than before', ['up', '--name', 'first', '--profile', 'full'], 2, 'devcloud-differs'],
    ['an unknown devcloud', ['down', '--name', 'nobody'], 2, 'unknown-devcloud'],
  ])('%s is one clear error', async (_title, args, exitCode, code) => {
    expect(await devcloud(...args)).toMatchObject({exitCode, stderr: expect.stringContaining(`error ${code}:`)});
  });

  test('a subnet in use is one clear error, and nothing is made', async () => {
    const {stdout} = await devcloud('status', '--name', 'first', '--output', 'json');
    const {subnet = ''} = JSON.parse(stdout) as DevcloudStatus;
    const refused = await devcloud('up', '--name', 'cut', '--profile', 'api', '--subnet', subnet);
    expect(refused).toMatchObject({exitCode: 4, stderr: expect.stringContaining('error subnet-in-use:')});
    expect(readdirSync(join(state.path, 'devclouds')).sort()).toEqual(['first', 'second']);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('up cut off by %s leaves nothing running', async (signalName) => {
    const running = hostTraces();
    const command = startTrovestack(['devcloud', 'up', '--name', 'cut', '--profile', 'api'], {
      env: {TROVESTACK_STATE: state.path},
    });
    await expect
      .poll(() => existsSync(join(state.path, 'devclouds/cut/upper/var/log/trovestack/keystone.log')), {
        timeout: 60_000,
      })
      .toBe(true);
    command.kill(signalName);
    await command.result;
    await expect.poll(hostTraces, {timeout: 15_000}).toEqual(running);
    await devcloud('destroy', '--name', 'cut');
  });

  test('destroy leaves nothing', async () => {
    for (const name of ['first', 'second']) {
      expect(await devcloud('destroy', '--name', name)).toMatchObject({exitCode: 0});
    }
    expect(hostTraces()).toEqual(before);
    expect(readdirSync(state.path).sort()).toEqual(['clouds.yaml.lock', 'devclouds', 'locks']);
    expect(readdirSync(join(state.path, 'devclouds'))).toEqual([]);
  });
});
