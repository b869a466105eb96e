import {chmod, mkdir, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {sha256, sha256OfFile as sha256Of} from '../../src/base/index.js';
import type {ComparedImages} from '../../src/workflows/diff-images.js';
import type {ExplainedPackage, ExplainedPath, ExplainedSize} from '../../src/workflows/image-why.js';
import type {StoreOverview} from '../../src/workflows/store-list.js';
import type {PrunedStore} from '../../src/workflows/store-prune.js';
import type {VerifiedStore} from '../../src/workflows/store-verify.js';
import {checkCyclonedx, checkSpdx} from '../rig/sbom-rules.js';
import {type CommandResult, home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

const fixtures = join(home, 'tests/fixtures/elements');

/** One store for the file, with two images: the second has an element more. The tests follow each other: the last ones damage the
 * store and mend it. */
describe('looking into images and the store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;
  let first: string;
  let second: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    store = join(folder.path, 'store');
    first = join(folder.path, 'first.qcow2');
    second = join(folder.path, 'second.qcow2');
    await writeHook('extra/install.d/90-extra', extraHook);
    expect(await build(first)).toMatchObject({exitCode: 0});
    expect(await build(second, ['--element', 'extra'])).toMatchObject({exitCode: 0});
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  async function writeHook(path: string, script: string): Promise<void> {
    const file = join(folder.path, 'elements', path);
    await mkdir(dirname(file), {recursive: true});
    await writeFile(file, `#!/bin/bash\nset -eu\n${script}\n`);
    await chmod(file, 0o755);
  }

  function run(...args: string[]): Promise<CommandResult> {
    const env = {TROVESTACK_STORE: store, TROVESTACK_STATE: join(folder.path, 'state')};
    return runTrovestack(args, {env});
  }

  function build(file: string, more: readonly string[] = []): Promise<CommandResult> {
    const paths = ['--elements-path', join(folder.path, 'elements'), '--elements-path', fixtures];
    return run('image', 'build', 'mariadb', ...paths, '--output-file', file, '--output', 'json', ...more);
  }

  async function ask<T>(...args: string[]): Promise<T> {
    return JSON.parse((await run(...args, '--output', 'json')).stdout) as T;
  }

  /** The file of a path in the newest result of a step. */
  async function resultOf(step: string): Promise<string> {
    for (const key of await readdir(join(store, 'steps'))) {
      const facts = await readFile(join(store, 'steps', key, 'facts.json'), 'utf8').catch(() => '');
      if (facts.includes(`"step":"${step}"`)) return join(store, 'steps', key);
    }
    throw new Error(`no result of ${step}`);
  }

  test('the same image twice: nothing differs, exit 0', async () => {
    const {exitCode, stdout} = await run('image', 'diff', first, first);
    expect({exitCode, stdout}).toEqual({exitCode: 0, stdout: `- ${first}\n+ ${first}\nthe same file, byte by byte\n`});
  });

  test('two images: what an element more has brought, exit 1', async () => {
    const {exitCode, stdout} = await run('image', 'diff', first, 'mariadb:11.8', '--output', 'json');
    expect(exitCode).toBe(1);
    const {difference} = JSON.parse(stdout) as ComparedImages;
    expect(difference.files.added.map(({path}) => path)).toEqual([
      '/etc/extra',
      '/etc/passwd',
      '/etc/systemd',
      '/etc/systemd/system',
      '/etc/systemd/system/extra.socket',
      '/etc/systemd/system/sockets.target.wants',
      '/etc/systemd/system/sockets.target.wants/extra.socket',
    ]);
    expect(difference.files.removed.map(({path}) => path)).toEqual(['/usr/bin/sleep']);
    const guest = difference.files.changed.find(({path}) => path === '/etc/guest');
    expect(guest?.differences).toEqual(['mode 0644 → 0600']);
    expect(difference.units).toEqual([{name: 'extra.socket', before: 'absent', after: 'enabled'}]);
    expect(difference.users.added).toMatchObject([{name: 'extra', uid: 1000}]);
    expect(difference.ports.added).toMatchObject([{port: 8080, protocol: 'tcp', address: '127.0.0.1'}]);
    expect(difference.packages).toEqual({added: [], removed: [], changed: []});
  });

  test('an image that nobody knows is told with those that are known, exit 2', async () => {
    const {exitCode, stderr} = await run('image', 'diff', first, 'postgresql');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/known +mariadb-11\.8-2025\.1-debian-trixie-amd64/);
  });

  test('why: the steps that wrote a path, the last one first, and their elements', async () => {
    const {writers} = await ask<ExplainedPath>('image', 'why', '/etc/guest');
    expect(writers).toEqual([
      {
        step: 'extra/install.d/90-extra',
        element: 'extra',
        act: 'changed',
        differences: ['mode 0644 → 0600'],
      },
      {step: 'trove-guest/install.d/20-trove-guest', element: 'trove-guest', act: 'made', differences: []},
    ]);
    const fstab = await ask<ExplainedPath>('image', 'why', '/etc/fstab', second);
    expect(fstab.writers?.[0]).toMatchObject({step: 'the assembly of the disk'});
  });

  test('why: a path that is gone is told with the step that removed it', async () => {
    const {exitCode, stderr} = await run('image', 'why', '/bin/sleep');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('step extra/install.d/90-extra removed it');
  });

  test('why: a path of the container in the guest leads to the step of the container', async () => {
    const {difference} = await ask<ComparedImages>('image', 'diff', first, second);
    expect(difference.isEqual).toBe(false);
    const {steps} = await ask<ExplainedSize>('image', 'why', 'size');
    expect(steps?.map(({name}) => name)).toContain('container-mariadb/install.d/20-container-mariadb');
  });

  test('why: what a package is there for', async () => {
    const explained = await ask<ExplainedPackage>('image', 'why', 'package:libc6');
    expect(explained.steps).toMatchObject([{step: 'mmdebstrap/root.d/10-mmdebstrap', element: 'mmdebstrap'}]);
    expect(explained.neededBy).toContain('bash');
  });

  test('why: the sizes by element, step, package and folder have one sum', async () => {
    const {totalBytes, elements, steps, packages, folders} = await ask<ExplainedSize>('image', 'why', 'size');
    for (const shares of [elements, steps, packages, folders]) {
      expect(shares?.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0)).toBe(totalBytes);
    }
  });

  test('bills of materials stand beside the image in both formats, and in the image', async () => {
    const inside = await ask<ExplainedPath>('image', 'why', '/etc/trovestack/sbom.cdx.json');
    const beside = await readFile(join(folder.path, 'second.cdx.json'), 'utf8');
    expect(inside.entry.sha256).toBe(sha256(beside));
    const cyclonedx = JSON.parse(beside);
    expect(checkCyclonedx(cyclonedx)).toEqual([]);
    expect(cyclonedx.metadata.properties).toContainEqual({name: 'trovestack:element', value: 'extra'});
    expect(cyclonedx.components.map(({name}: {name: string}) => name)).toEqual(
      expect.arrayContaining(['bash', 'mariadb']),
    );
    const spdx = JSON.parse(await readFile(join(folder.path, 'second.spdx.json'), 'utf8'));
    expect(checkSpdx(spdx)).toEqual([]);
  });

  test('store list: kinds, and the images with the latest of each', async () => {
    const {images, kinds} = await ask<StoreOverview>('store', 'list');
    expect(images.map(({isLatest, files}) => [isLatest, files[0]?.file])).toEqual([
      [true, second],
      [false, first],
    ]);
    expect(kinds.map(({kind}) => kind)).toEqual(
      expect.arrayContaining(['steps', 'roots', 'images', 'packages', 'logs']),
    );
  });

  test('store prune: the latest build stays, whatever the size; a dry run removes nothing', async () => {
    const dry = await ask<PrunedStore>('store', 'prune', '--max-size', '0', '--dry-run');
    expect(dry.removed.map(({item}) => item.what)).toContain('mariadb-11.8-2025.1-debian-trixie-amd64');
    expect((await ask<StoreOverview>('store', 'list')).images).toHaveLength(2);
    const pruned = await ask<PrunedStore>('store', 'prune', '--max-size', '0');
    expect(pruned.removedBytes).toBe(dry.removedBytes);
    expect((await ask<StoreOverview>('store', 'list')).images.map(({files}) => files[0]?.file)).toEqual([second]);
    const again = JSON.parse((await build(second, ['--element', 'extra'])).stdout) as {stepsRun: number};
    expect(again.stepsRun).toBe(0);
    const lock = await readFile(join(folder.path, 'second.lock.yaml'), 'utf8');
    const packages = [...lock.matchAll(/ sha256: "?([0-9a-f]{64})/g)].map(([, digest]) => digest);
    expect(packages.length).toBeGreaterThan(50);
    expect(await readdir(join(store, 'packages'))).toEqual(expect.arrayContaining(packages));
  });

  test('store verify: a whole store has nothing to complain of', async () => {
    const {exitCode, stdout} = await run('store', 'verify', '--output', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({damaged: [], unchecked: 0});
  });

  test('store verify: a changed file, a lost folder and a cut image are found and named; --repair and a build mend them', async () => {
    const before = JSON.parse((await build(second, ['--element', 'extra'])).stdout) as {sha256: string};
    const changed = await resultOf('trove-guest/install.d/20-trove-guest');
    await writeFile(join(changed, 'target/tree/etc/guest'), 'ghost\n');
    const lost = await resultOf('extra/install.d/90-extra');
    await rm(join(lost, 'target/tree'), {recursive: true});
    const [image = ''] = await readdir(join(store, 'images'));
    await truncate(join(store, 'images', image, 'disk.qcow2'), 1000);

    const {exitCode, stdout} = await run('store', 'verify', '--output', 'json');
    expect(exitCode).toBe(1);
    const {damaged} = JSON.parse(stdout) as VerifiedStore;
    expect(Object.fromEntries(damaged.map(({folder: path, problems}) => [path, problems.join()]))).toEqual({
      [changed]: expect.stringMatching(/\/target\/tree\/etc\/guest: .*content/),
      [lost]: 'a part of it is missing, or is cut short',
      [join(store, 'images', image)]: 'a part of it is missing, or is cut short',
    });
    expect(await run('store', 'verify', '--repair')).toMatchObject({exitCode: 0});
    const after = JSON.parse((await build(second, ['--element', 'extra'])).stdout) as {
      sha256: string;
      stepsRun: number;
    };
    // With what was made on them.
    expect(after).toMatchObject({sha256: before.sha256, stepsRun: 9});
  });

  test('a build that meets a result without its tree makes it anew', async () => {
    const before = await sha256Of(second);
    const lost = await resultOf('extra/install.d/90-extra');
    await rm(join(lost, 'target/tree'), {recursive: true});
    await rm(join(store, 'images'), {recursive: true});
    const {exitCode, stdout} = await build(second, ['--element', 'extra']);
    expect(exitCode).toBe(0);
    // With the steps after it, which stand on it.
    expect(JSON.parse(stdout)).toMatchObject({stepsRun: 7, sha256: before});
  });
});

const extraHook = `
echo extra > /etc/extra
chmod 600 /etc/guest
rm /usr/bin/sleep
echo 'extra:x:1000:1000::/home/extra:/bin/sh' >> /etc/passwd
mkdir -p /etc/systemd/system/sockets.target.wants
printf '[Socket]\\nListenStream=127.0.0.1:8080\\n[Install]\\nWantedBy=sockets.target\\n' > /etc/systemd/system/extra.socket
ln -s ../extra.socket /etc/systemd/system/sockets.target.wants/
`;
