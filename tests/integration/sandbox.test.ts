import {chmod, mkdir, readdir, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, onTestFinished, test} from 'vitest';
import {hostTraces} from '../rig/host.js';
import {firstSubordinate, type OrdinaryUser, ordinaryUser} from '../rig/ordinary-user.js';
import {type CommandResult, home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

const fixtures = join(home, 'tests/fixtures/elements');

interface Built {
  readonly sha256: string;
  readonly stepsRun: number;
}

describe.skipIf(process.getuid?.() !== 0)('an ordinary user', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let user: OrdinaryUser;
  let built: CommandResult;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    await mkdir(join(folder.path, 'elements'));
    user = await newUser('user');
    built = await user.start(buildArguments('user', 'image')).result;
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  async function newUser(name: string, subordinate?: number): Promise<OrdinaryUser> {
    await mkdir(join(folder.path, name));
    return ordinaryUser(join(folder.path, name), subordinate);
  }

  function buildArguments(name: string, image: string, more: readonly string[] = []): string[] {
    const elements = join(folder.path, name, 'program/tests/fixtures/elements');
    const file = join(folder.path, name, 'own', `${image}.qcow2`);
    const paths = ['--elements-path', join(folder.path, 'elements'), '--elements-path', elements];
    return ['image', 'build', 'mariadb', ...paths, '--output-file', file, '--output', 'json', ...more];
  }

  async function writeHook(element: string, hook: string, script: string): Promise<void> {
    const file = join(folder.path, 'elements', element, hook);
    await mkdir(join(file, '..'), {recursive: true});
    await writeFile(file, `#!/bin/bash\nset -eu\n${script}\n`);
    await chmod(file, 0o755);
  }

  test('and root build the same bytes, each in a store of its own', async () => {
    expect(built).toMatchObject({exitCode: 0});
    const file = join(folder.path, 'root.qcow2');
    const args = ['image', 'build', 'mariadb', '--elements-path', fixtures, '--output-file', file, '--output', 'json'];
    const ofRoot = await runTrovestack(args, {env: {TROVESTACK_STORE: join(folder.path, 'store')}});
    const [a, b] = [built, ofRoot].map(({stdout}) => JSON.parse(stdout) as Built);
    expect(a?.stepsRun).toBeGreaterThan(10);
    expect(a?.stepsRun).toBe(b?.stepsRun);
    expect(a?.sha256).toBe(b?.sha256);
  });

  test('owns the image; what is in its trees belongs to his subordinate ids', async () => {
    const {uid, gid} = await stat(join(user.folder, 'image.qcow2'));
    expect([uid, gid]).toEqual([user.id, user.id]);
    const steps = join(user.folder, 'store/steps');
    const owners = new Set<number>();
    for (const key of await readdir(steps)) {
      const tree = join(steps, key, 'target/tree/etc');
      const names = await readdir(tree).catch(() => []); // not every step changes the tree
      for (const name of names) owners.add((await stat(join(tree, name)).catch(() => ({uid: firstSubordinate}))).uid);
    }
    expect([...owners]).toEqual([firstSubordinate]);
  });

  test('runs steps again where the store has them: his own files can be removed', async () => {
    const {exitCode, stdout} = await user.start(buildArguments('user', 'image', ['--rebuild'])).result;
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({sha256: (JSON.parse(built.stdout) as Built).sha256});
    expect(await readdir(join(user.folder, 'store/work'))).toEqual([]);
  });

  test('looks into an image, and is told what the fixture lacks', async () => {
    const {exitCode, stdout} = await user.start(['image', 'verify', join(user.folder, 'image.qcow2')]).result;
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^unsound: image\.qcow2 \(\d+ rules: \d+ errors/);
    expect(stdout).toContain('error    agent.installed  no package trove-guestagent');
  });

  test('ends everything with kill -9, and goes on afterwards', async () => {
    await writeHook('killed', 'finalise.d/90-killed', 'mkdir -m 700 /killed; touch /killed/file; sleep 98764');
    const running = user.start(buildArguments('user', 'killed', ['--element', 'killed']));
    onTestFinished(() => running.kill('SIGKILL'));
    const sleeping = () => hostTraces().processes.filter((line) => line === 'sleep 98764');
    await expect.poll(sleeping, {timeout: 30_000}).toHaveLength(1);
    running.kill('SIGKILL');
    await running.result;
    await expect.poll(sleeping, {timeout: 5000}).toEqual([]);
    await writeHook('killed', 'finalise.d/90-killed', 'true');
    const again = await user.start(buildArguments('user', 'killed', ['--element', 'killed'])).result;
    expect(again).toMatchObject({exitCode: 0});
    expect(await readdir(join(user.folder, 'store/work'))).toEqual([]);
  });

  test('is interrupted by SIGTERM like root is', async () => {
    await writeHook('waiting', 'finalise.d/90-waiting', 'sleep 98763');
    const running = user.start(buildArguments('user', 'waiting', ['--element', 'waiting']));
    onTestFinished(() => running.kill('SIGKILL'));
    const sleeping = () => hostTraces().processes.filter((line) => line === 'sleep 98763');
    await expect.poll(sleeping, {timeout: 30_000}).toHaveLength(1);
    running.kill('SIGTERM');
    const {exitCode, stderr} = await running.result;
    expect({exitCode, stderr}).toMatchObject({exitCode: 130, stderr: expect.stringContaining('SIGTERM: cleaning up')});
    expect(await readdir(join(user.folder, 'store/work'))).toEqual([]);
  });

  test('without enough subordinate ids is told how to get them, exit 4', async () => {
    const poor = await newUser('poor', 1000);
    const {exitCode, stderr} = await poor.start(buildArguments('poor', 'image')).result;
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error no-id-range: Cannot map user ids for the sandboxes of user "trovestack-test"');
    expect(stderr).toMatch(/usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ trovestack-test/);
    const findings = (await poor.start(['doctor']).result).stdout;
    expect(findings).toMatch(/MISSING +user namespaces +Cannot map user ids/);
  });

  test('has a store that root does not take for its own, exit 4', async () => {
    const {exitCode, stderr} = await runTrovestack(['image', 'plan', 'mariadb', '--elements-path', fixtures], {
      env: {TROVESTACK_STORE: join(user.folder, 'store')},
    });
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error other-ids: Cannot use the store');
  });
});
