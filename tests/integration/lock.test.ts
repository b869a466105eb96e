import {spawnSync} from 'node:child_process';
import {cp, mkdir, readdir, readFile, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {parseLock, renderLock} from '../../src/lock/index.js';
import {type CommandResult, home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

const fixtures = join(home, 'tests/fixtures/elements');

/** What `image build --output json` prints. */
interface Built {
  readonly sha256: string;
  readonly lockFile: string;
  readonly stepsRun: number;
}

/** One store for the file: a tools root takes half a minute. */
describe('a lock', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;
  let first: Built;
  let lockFile: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    store = join(folder.path, 'store');
    first = await built(await build('first', []));
    lockFile = first.lockFile;
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  async function build(name: string, more: readonly string[], elements = fixtures): Promise<CommandResult> {
    await mkdir(join(folder.path, name), {recursive: true});
    const file = join(folder.path, name, 'image.qcow2');
    const args = ['image', 'build', 'mariadb', '--elements-path', elements, '--output-file', file, '--output', 'json'];
    return runTrovestack([...args, ...more], {env: {TROVESTACK_STORE: store}});
  }

  async function built(run: CommandResult): Promise<Built> {
    expect(run, run.stderr).toMatchObject({exitCode: 0});
    return JSON.parse(run.stdout) as Built;
  }

  async function copyOfLock(name: string, change: (text: string) => string): Promise<string> {
    const file = join(folder.path, `${name}.lock.yaml`);
    await writeFile(file, change(await readFile(lockFile, 'utf8')));
    return file;
  }

  test('is written beside the image, and taken without network', async () => {
    expect(lockFile).toBe(join(folder.path, 'first/image.lock.yaml'));
    const again = await built(await build('offline', ['--lock', lockFile, '--offline', '--rebuild']));
    expect(again.sha256).toBe(first.sha256);
    expect(again.stepsRun).toBeGreaterThan(0);
  });

  test('that was edited, or cut, is told with its place, exit 2', async () => {
    const edited = await copyOfLock('edited', (text) => text.replace('version: "', 'version: "9'));
    const {exitCode, stderr} = await build('edited', ['--lock', edited]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/edited\.lock\.yaml:\d+:\d+/);
    const cut = await copyOfLock('cut', (text) => text.slice(0, text.length / 2));
    expect(await build('cut', ['--lock', cut])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/cut\.lock\.yaml:\d+:\d+/),
    });
  });

  test('of another series is refused by --locked, exit 2', async () => {
    const lock = await parseLock(lockFile, await readFile(lockFile, 'utf8'));
    const other = await copyOfLock('other', () => renderLock({...lock, subject: {...lock.subject, series: '2026.1'}}));
    const {exitCode, stderr} = await build('other', ['--lock', other, '--locked']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it is of series 2026.1, not of 2025.1');
  });

  test('is refused by --locked when an element changed, by its name; else it follows', async () => {
    const elements = join(folder.path, 'elements');
    await cp(fixtures, elements, {recursive: true});
    await writeFile(join(elements, 'trove-docker/static/etc/docker.json'), '{"debug": true}\n');
    const lock = await copyOfLock('follows', (text) => text);
    const refused = await build('follows', ['--lock', lock, '--locked'], elements);
    expect(refused).toMatchObject({exitCode: 2, stderr: expect.stringContaining('element trove-docker changed')});
    const followed = await built(await build('follows', ['--lock', lock, '--offline'], fixtures));
    expect(followed.sha256).toBe(first.sha256);
    const changed = await built(await build('follows', ['--lock', lock], elements));
    expect(changed.sha256).not.toBe(first.sha256);
    expect(await readFile(lock, 'utf8')).not.toBe(await readFile(lockFile, 'utf8'));
    expect(await build('follows', ['--lock', lock, '--locked'], elements)).toMatchObject({exitCode: 0});
  });

  test('is asked for by --locked and --offline, exit 2', async () => {
    const missing = join(folder.path, 'none.lock.yaml');
    for (const option of ['--locked', '--offline']) {
      const {exitCode, stderr} = await build('none', ['--lock', missing, option]);
      expect({exitCode, stderr}).toMatchObject({exitCode: 2, stderr: expect.stringContaining('error no-lock')});
    }
  });

  describe('with a bundle', () => {
    let bundle: string;

    beforeAll(async () => {
      bundle = join(folder.path, 'image.bundle.tar');
      expect(await makeBundle([])).toMatchObject({exitCode: 0});
    });

    function makeBundle(more: readonly string[]): Promise<CommandResult> {
      const args = ['image', 'bundle', 'mariadb', '--elements-path', fixtures, '--lock', lockFile];
      return runTrovestack([...args, '--bundle-file', bundle, '--output', 'json', ...more], {
        env: {TROVESTACK_STORE: store},
      });
    }

    test('gives the same image on a machine without network, from an empty store', () => {
      const output = join(folder.path, 'bundled/image.qcow2');
      const args = ['--net', process.execPath, join(home, 'bin/trovestack.js'), 'image', 'build', '--bundle', bundle];
      const env = {...process.env, TROVESTACK_STORE: join(folder.path, 'empty-store')};
      const run = spawnSync('unshare', [...args, '--offline', '--output-file', output, '--output', 'json'], {
        env,
        cwd: folder.path,
        encoding: 'utf8',
      });
      expect(run, run.stderr).toMatchObject({status: 0});
      expect((JSON.parse(run.stdout) as Built).sha256).toBe(first.sha256);
    });

    test('is the same file again; a package that was damaged in the store is named offline, and fetched otherwise', async () => {
      const [name = ''] = (await readdir(join(store, 'packages'))).filter((entry) => /^[0-9a-f]{64}$/.test(entry));
      const lock = await parseLock(lockFile, await readFile(lockFile, 'utf8'));
      const damaged = lock.tools.packages[0];
      expect(name).not.toBe('');
      const before = await readFile(bundle);
      await truncate(join(store, 'packages', damaged?.sha256 ?? name), 10);
      const offline = await makeBundle(['--offline']);
      expect(offline).toMatchObject({exitCode: 4, stderr: expect.stringContaining('error not-at-hand')});
      expect(offline.stderr).toContain(damaged?.name);
      expect(await makeBundle([])).toMatchObject({exitCode: 0});
      expect((await readFile(bundle)).equals(before)).toBe(true);
    });

    test('that is cut is refused, exit 2', async () => {
      const cut = join(folder.path, 'cut.bundle.tar');
      await cp(bundle, cut);
      await truncate(cut, 1_000_000);
      const {exitCode, stderr} = await runTrovestack(['image', 'build', '--bundle', cut], {
        env: {TROVESTACK_STORE: store},
      });
      expect(exitCode).toBe(2);
      expect(stderr).toContain('it is cut');
    });
  });
});
