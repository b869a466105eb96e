import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

interface Built {
  readonly files: readonly [{readonly sha256: string}];
  readonly lockFile: string;
  readonly stepsRun: number;
}

describe('a lock of a tree with apt', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    store = join(folder.path, 'store');
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  const element = () => join(folder.path, 'apt-elements/apt-user');

  async function writeHook(path: string, command: string): Promise<void> {
    await mkdir(join(element(), path, '..'), {recursive: true});
    await writeFile(join(element(), path), `#!/bin/bash\nset -eu\n${command}\n`, {mode: 0o755});
  }

  async function buildTar(name: string, more: readonly string[]): Promise<Built> {
    const args = [
      'image',
      'build',
      '--dib',
      '--output',
      'json',
      '-n',
      '-t',
      'tar',
      '-o',
      join(folder.path, name, 'apt'),
    ];
    await mkdir(join(folder.path, name), {recursive: true});
    const env = {
      TROVESTACK_STORE: store,
      ELEMENTS_PATH: `${join(folder.path, 'apt-elements')}:${join(home, 'elements')}`,
      DIB_RELEASE: 'trixie',
      DIB_MMDEBSTRAP_VARIANT: 'apt',
    };
    const run = await runTrovestack([...args, 'apt-user', ...more], {env});
    expect(run, run.stderr).toMatchObject({exitCode: 0});
    return JSON.parse(run.stdout);
  }

  /** What the steps of the element left, by their names. */
  async function layers(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const key of await readdir(join(store, 'steps'))) {
      const result = join(store, 'steps', key);
      const {step} = JSON.parse(await readFile(join(result, 'facts.json'), 'utf8')) as {step: string};
      if (!step.startsWith('apt-user/')) continue;
      const names = await readdir(join(result, 'target/tree'), {recursive: true});
      found[`${step} ${key}`] = names.sort();
    }
    return found;
  }

  test('leaves the layers that there are without it, so that packages can be added to them', async () => {
    await mkdir(element(), {recursive: true});
    await writeFile(join(element(), 'element-provides'), 'operating-system\n');
    await writeFile(join(element(), 'element-deps'), 'mmdebstrap\n');
    await writeHook('pre-install.d/99-update', 'apt-get -qq update; apt-cache policy hello | grep -q Candidate');
    await writeHook('install.d/20-hello', 'apt-get -qqy install hello; rm -rf /var/lib/apt/lists/*');
    const unlocked = await buildTar('unlocked', []);
    const before = await layers();
    const apt = /^var\/(lib\/apt\/lists|cache\/apt)\/./;
    expect(Object.values(before).flatMap((paths) => paths.filter((path) => apt.test(path)))).toEqual([]);
    const locked = await buildTar('locked', ['--lock', unlocked.lockFile, '--locked', '--rebuild']);
    expect(locked.files[0].sha256).toBe(unlocked.files[0].sha256);
    expect(await layers()).toEqual(before);
    await writeHook('install.d/30-tree', 'apt-get -qqy install tree; test -x /usr/bin/tree');
    const {stepsRun} = await buildTar('added', ['--lock', unlocked.lockFile]);
    expect(stepsRun).toBeLessThan(unlocked.stepsRun);
  });
});
