import {readFile, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {readCloudSettings} from '../../src/cloud/index.js';
import type {Activation} from '../../src/workflows/activate-image.js';
import {type ImageServices, openImageServices} from '../../src/workflows/image-services.js';
import type {CloudImages} from '../../src/workflows/image-status.js';
import type {LoadedImageResult} from '../../src/workflows/load-image.js';
import type {PrunedImages} from '../../src/workflows/prune-images.js';
import {writeQcow2} from '../rig/disk-image.js';
import {runTrovestack, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

const rulesInside = '/usr/lib/python3/dist-packages/trove/templates/mariadb/validation-rules.json';

/** Loading and activating on a real Keystone, Glance and Trove. */
describe.skipIf(process.getuid?.() !== 0)('load and activate', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const file = (name: string) => join(folder.path, name);
  const trovestack = (args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) =>
    runTrovestack(args, {
      env: {TROVESTACK_STATE: file('state'), OS_CLOUD: 'trovestack-load', OS_CLIENT_CONFIG_FILE: undefined, ...env},
    });
  const openstack = (...args: string[]) =>
    trovestack(['devcloud', 'exec', '--name', 'load', '--', 'openstack', ...args]);

  async function json<T>(...args: string[]): Promise<T> {
    const {exitCode, stdout, stderr} = await trovestack([...args, '--output', 'json']);
    expect({exitCode, stderr: exitCode === 0 ? '' : stderr}).toEqual({exitCode: 0, stderr: ''});
    return JSON.parse(stdout) as T;
  }

  let services: ImageServices | undefined;
  async function openServices(): Promise<ImageServices> {
    const paths = {home: '/', store: '/', state: file('state'), data: '/'};
    const world = {emit: () => {}, env: {}, paths, signal: new AbortController().signal};
    services ??= await openImageServices(await readCloudSettings(world, {cloud: 'trovestack-load'}), world);
    return services;
  }

  /** Requests that change something, as the services themselves have logged them. */
  async function writingCalls(): Promise<string[]> {
    const logs = await Promise.all(
      ['glance', 'trove-api'].map((service) =>
        trovestack(['devcloud', 'logs', service, '--name', 'load', '--lines', '100000']),
      ),
    );
    return logs.flatMap(({stdout}) => stdout.match(/"(?:POST|PUT|PATCH|DELETE) [^"]*"/g) ?? []);
  }

  async function addManifest(image: string, series = '2025.1'): Promise<void> {
    const {stdout} = await trovestack(['devcloud', 'exec', '--name', 'load', '--', 'cat', rulesInside]);
    const identity = {series, distribution: 'debian', release: 'trixie', architecture: 'amd64'};
    const manifest = JSON.stringify({datastore: 'mariadb', version: '11.8', ...identity});
    await writeFile(`${image}.manifest.json`, manifest.replace(/}$/, `,"configurationParameters":${stdout}}`));
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    await json('devcloud', 'up', '--name', 'load', '--profile', 'api');
    await writeQcow2(file('a.qcow2'), 8);
    await addManifest(file('a.qcow2'));
  });

  afterAll(async () => {
    await services?.[Symbol.asyncDispose]();
    await trovestack(['devcloud', 'destroy', '--name', 'load']);
    await folder[Symbol.asyncDispose]();
  });

  test('activate: a version that is not registered is refused with the command that registers it', async () => {
    const {exitCode, stderr} = await trovestack(['image', 'activate', 'mariadb:11.8']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error not-registered');
    expect(stderr).toContain('trovestack image load');
  });

  test('load: a dry run says everything and changes nothing', async () => {
    const {stderr} = await trovestack(['image', 'load', file('a.qcow2'), '--dry-run']);
    expect(stderr).toMatch(/upload image trove-mariadb-11\.8-2025\.1-debian-trixie-amd64-[0-9a-f]{12} /);
    expect(stderr).toContain('create datastore version mariadb 11.8 (not registered)');
    expect(await writingCalls()).toEqual([]);
  });

  test('load: an image of another series is refused with the command that builds the right one', async () => {
    await writeQcow2(file('zed.qcow2'), 1);
    await addManifest(file('zed.qcow2'), 'zed');
    const {exitCode, stderr} = await trovestack(['image', 'load', file('zed.qcow2')]);
    expect({exitCode, stderr}).toEqual({exitCode: 3, stderr: expect.stringContaining('error gate-closed')});
    expect(stderr).toContain("its guest agent is of zed, and the cloud's Trove of 2025.1");
    expect(stderr).toContain('trovestack image build mariadb:11.8 --series 2025.1');
    expect(await writingCalls()).toEqual([]);
  });

  test('load: image, version and all parameters are in the cloud, the version inactive', async () => {
    const loaded = await json<LoadedImageResult>('image', 'load', file('a.qcow2'));
    expect(loaded).toMatchObject({
      isChanged: true,
      registration: {isActive: false, isDefault: false, imageId: loaded.image.id, done: 'create'},
      parameters: {created: 40, updated: 0, kept: 0},
    });
    const image = JSON.parse((await openstack('image', 'show', loaded.image.id ?? '', '-f', 'json')).stdout);
    expect(image).toMatchObject({status: 'active', visibility: 'private', min_disk: 3});
    expect(image.tags.sort()).toEqual(['mariadb', 'trove']);
    expect(image.properties).toMatchObject({hw_rng_model: 'virtio', trovestack_sha256: loaded.image.sha256});
  });

  test('load: a second run makes no writing call', async () => {
    const before = await writingCalls();
    const again = await json<LoadedImageResult>('image', 'load', file('a.qcow2'));
    expect(again).toMatchObject({isChanged: false, parameters: {created: 0, updated: 0, kept: 40}});
    expect(await writingCalls()).toEqual(before);
  });

  test('load: an image that was changed by hand is set right, and its own tags stay', async () => {
    const {image} = await json<LoadedImageResult>('image', 'load', file('a.qcow2'), '--dry-run');
    const id = image.id ?? '';
    expect(await openstack('image', 'set', '--tag', 'theirs', '--property', 'os_distro=other', id)).toMatchObject({
      exitCode: 0,
    });
    expect(await openstack('image', 'unset', '--tag', 'trove', id)).toMatchObject({exitCode: 0});
    const args = ['image', 'load', file('a.qcow2'), '--visibility', 'public'];
    expect(await json<LoadedImageResult>(...args)).toMatchObject({image: {id, done: 'update'}, isChanged: true});
    const found = JSON.parse((await openstack('image', 'show', id, '-f', 'json')).stdout);
    expect(found).toMatchObject({visibility: 'public', properties: {os_distro: 'debian'}});
    expect(found.tags.sort()).toEqual(['mariadb', 'theirs', 'trove']);
    const before = await writingCalls();
    expect(await json<LoadedImageResult>(...args)).toMatchObject({isChanged: false});
    expect(await writingCalls()).toEqual(before);
  });

  test('activate: the version is active and the default, and a second run makes no writing call', async () => {
    const activation = await json<Activation>('image', 'activate', 'mariadb:11.8');
    expect(activation).toMatchObject({isChanged: true, version: {isActive: true, isDefault: true}});
    const datastore = JSON.parse((await openstack('datastore', 'show', 'mariadb', '-f', 'json')).stdout);
    expect(datastore).toMatchObject({default_version: '11.8'});
    const before = await writingCalls();
    expect(await json<Activation>('image', 'activate', 'mariadb')).toMatchObject({isChanged: false});
    expect(await writingCalls()).toEqual(before);
  });

  test('load: the parameters that users see are those of the rules, 2^64−1 included', async () => {
    const rules: {name: string; max?: number}[] = JSON.parse(await readFile(`${file('a.qcow2')}.manifest.json`, 'utf8'))
      .configurationParameters['configuration-parameters'];
    const {stdout} = await openstack(
      'database',
      'configuration',
      'parameter',
      'list',
      '11.8',
      '--datastore',
      'mariadb',
      '-f',
      'json',
    );
    const found: {Name: string; 'Max Size': unknown}[] = JSON.parse(stdout);
    expect(found.map((row) => row.Name).sort()).toEqual(rules.map((rule) => rule.name).sort());
    expect(stdout).toContain('18446744073709551615');
  });

  test('load: an image that serves is left in place until the next one is activated', async () => {
    await writeQcow2(file('b.qcow2'), 8);
    await addManifest(file('b.qcow2'));
    const first = await json<LoadedImageResult>('image', 'load', file('a.qcow2'));
    const second = await json<LoadedImageResult>('image', 'load', file('b.qcow2'));
    expect(second.registration).toMatchObject({imageId: first.image.id, isActive: true, isDefault: true});
    const activation = await json<Activation>('image', 'activate', 'mariadb:11.8');
    expect(activation.version.imageId).toBe(second.image.id);
  });

  test('rollback: the former image serves again, and what was turned away from is not chosen by itself', async () => {
    const {version: before, imageId} = await json<Activation>('image', 'activate', 'mariadb:11.8', '--dry-run');
    expect(imageId).toBe(before.imageId);
    const back = await json<Activation>('image', 'rollback', 'mariadb:11.8');
    expect(back).toMatchObject({isChanged: true, version: {isActive: true, isDefault: true, imageId: back.imageId}});
    expect(back.imageId).not.toBe(before.imageId);
    expect(await json<Activation>('image', 'activate', 'mariadb:11.8')).toMatchObject({isChanged: false});
    const again = await trovestack(['image', 'rollback', 'mariadb:11.8']);
    expect({exitCode: again.exitCode, stderr: again.stderr}).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('error no-former-image'),
    });
    const forth = await json<Activation>('image', 'activate', 'mariadb:11.8', '--image', `${before.imageId}`);
    expect(forth.version.imageId).toBe(before.imageId);
  });

  test('activate: a policy closes the gate, and nothing is switched', async () => {
    await writeFile(file('policy.yaml'), 'signature: required\nmaxSizeMiB: 1\n');
    const {image} = await json<LoadedImageResult>('image', 'load', file('a.qcow2'), '--dry-run');
    const before = await writingCalls();
    const args = ['image', 'activate', 'mariadb:11.8', '--image', `${image.id}`, '--policy', file('policy.yaml')];
    const {exitCode, stderr} = await trovestack(args);
    expect({exitCode, stderr}).toEqual({exitCode: 3, stderr: expect.stringContaining('error gate-closed')});
    expect(stderr).toMatch(/it is not signed[\s\S]*the policy allows 1/);
    expect(await writingCalls()).toEqual(before);
  });

  test('status: what serves, what a rollback would bring back, and what else is there', async () => {
    const status = await json<CloudImages>('image', 'status', 'mariadb');
    expect(status.versions).toMatchObject([
      {version: '11.8', isActive: true, isDefault: true, findsImageBy: 'id', parameters: 40, image: {series: '2025.1'}},
    ]);
    expect(status.versions[0]?.rollback?.imageId).toBe(status.others[0]?.id);
    expect(status.drift).toEqual([]);
  });

  test('tags: an image that would be selected at once gets its tags only when it is activated', async () => {
    const {versions} = await json<CloudImages>('image', 'status');
    const serving = versions[0]?.image?.id ?? '';
    expect(await openstack('image', 'set', '--tag', 'chosen', serving)).toMatchObject({exitCode: 0});
    const session = await openServices();
    await session.trove.update(versions[0]?.id ?? '', {image: {tags: ['trove', 'mariadb', 'chosen']}});
    await writeQcow2(file('d.qcow2'), 1);
    await addManifest(file('d.qcow2'));
    const loaded = await json<LoadedImageResult>('image', 'load', file('d.qcow2'));
    expect(loaded.selection).toEqual({tags: ['trove', 'mariadb', 'chosen'], before: serving, after: serving});
    expect((await session.glance.show(loaded.image.id ?? ''))?.tags).toEqual([]);
    const activation = await json<Activation>('image', 'activate', 'mariadb:11.8');
    expect(activation.imageId).toBe(loaded.image.id);
    expect((await session.glance.selectedBy(['trove', 'mariadb', 'chosen']))?.id).toBe(loaded.image.id);
    expect(await json<Activation>('image', 'activate', 'mariadb:11.8')).toMatchObject({isChanged: false});
    await json<Activation>('image', 'rollback', 'mariadb:11.8');
    expect((await session.glance.selectedBy(['trove', 'mariadb', 'chosen']))?.id).toBe(serving);
    const tied = await json<Activation>('image', 'activate', 'mariadb:11.8', '--select', 'id', '--image', serving);
    expect(tied.version.imageId).toBe(serving);
  });

  test('load: a form that is not there is refused, with the command that writes it', async () => {
    const {exitCode, stderr} = await trovestack(['image', 'load', file('a.qcow2'), '--format', 'raw']);
    expect({exitCode, stderr}).toEqual({exitCode: 2, stderr: expect.stringContaining('--format qcow2,raw')});
  });

  test('load: several clouds at once, and the exit code of the worst', async () => {
    const clouds = parse(await readFile(file('state/clouds.yaml'), 'utf8')).clouds;
    const good = clouds['trovestack-load'];
    const bad = {...good, auth: {...good.auth, password: 'no'}};
    await writeFile(file('two.yaml'), JSON.stringify({clouds: {good, bad}}));
    const env = {OS_CLIENT_CONFIG_FILE: file('two.yaml')};
    const args = ['image', 'load', file('a.qcow2'), '--cloud', 'good', '--cloud', 'bad', '--output', 'json'];
    const {exitCode, stdout} = await trovestack(args, env);
    expect(exitCode).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({
      clouds: [
        {cloud: 'good', result: {isChanged: false, actions: []}},
        {cloud: 'bad', error: {code: 'wrong-credentials'}},
      ],
    });
  });

  test('load: an image is shared with the project of the servers, and a second run has nothing to do', async () => {
    const args = ['image', 'load', file('a.qcow2'), '--share-with', 'service'];
    const loaded = await json<LoadedImageResult>(...args);
    expect(loaded.actions.map(({kind}) => kind)).toEqual(['update', 'share']);
    const members = JSON.parse(
      (await openstack('image', 'member', 'list', loaded.image.id ?? '', '-f', 'json')).stdout,
    );
    expect(members).toMatchObject([{Status: 'accepted'}]);
    expect(await json<LoadedImageResult>(...args)).toMatchObject({isChanged: false});
  });

  test('prune: what serves and what a rollback needs stays, the rest goes', async () => {
    const dry = await json<PrunedImages>('image', 'prune', '--keep', '0', '--dry-run');
    const reasons = dry.decisions.filter(({kind}) => kind === 'keep').map(({reason}) => reason);
    expect(reasons.sort()).toEqual(['a datastore version names it', 'a rollback would go back to it']);
    const before = await writingCalls();
    expect(await json<PrunedImages>('image', 'prune')).toMatchObject({isChanged: false});
    expect(await writingCalls()).toEqual(before);
    const pruned = await json<PrunedImages>('image', 'prune', '--keep', '0');
    expect(pruned.decisions).toEqual(dry.decisions);
    const left: {ID: string}[] = JSON.parse((await openstack('image', 'list', '-f', 'json')).stdout);
    expect(left.map(({ID}) => ID).sort()).toEqual(
      dry.decisions.flatMap(({kind, id}) => (kind === 'keep' ? [id] : [])).sort(),
    );
  });

  test('load: an interrupted upload leaves no image, and the next run loads it', async () => {
    await writeQcow2(file('c.qcow2'), 400);
    const args = ['image', 'load', file('c.qcow2'), '--datastore', 'mariadb', '--events', file('events')];
    const env = {TROVESTACK_STATE: file('state'), OS_CLOUD: 'trovestack-load', OS_CLIENT_CONFIG_FILE: undefined};
    const running = startTrovestack(args, {env});
    await waitForText(file('events'), '"what":"upload"');
    running.kill('SIGINT');
    expect((await running.result).exitCode).toBe(130);
    const images: {Status: string}[] = JSON.parse((await openstack('image', 'list', '-f', 'json')).stdout);
    expect(new Set(images.map((image) => image.Status))).toEqual(new Set(['active']));
    const loaded = await json<LoadedImageResult>('image', 'load', file('c.qcow2'), '--datastore', 'mariadb');
    expect(loaded.image.done).toBe('upload');
  });

  test('load: a file that is no disk image, or was cut short, is refused', async () => {
    await writeFile(file('text.qcow2'), 'this is no disk image\n');
    await writeQcow2(file('cut.qcow2'), 8);
    await truncate(file('cut.qcow2'), 3_000_000);
    for (const name of ['text.qcow2', 'cut.qcow2']) {
      const {exitCode, stderr} = await trovestack(['image', 'load', file(name), '--datastore', 'mariadb:11.8']);
      expect({exitCode, stderr}).toEqual({exitCode: 2, stderr: expect.stringContaining('error not-a-disk-image')});
    }
  });

  test('wrong credentials, an address where nothing is, and a cloud without Trove are told apart, exit 5', async () => {
    const clouds = await readFile(file('state/clouds.yaml'), 'utf8');
    const variants = {
      'wrong-credentials': clouds.replace(/password: .*/, 'password: no'),
      unreachable: clouds.replace(/:5000/, ':5001'),
    };
    for (const [code, text] of Object.entries(variants)) {
      await writeFile(file('clouds.yaml'), text);
      const env = {OS_CLIENT_CONFIG_FILE: file('clouds.yaml')};
      const {exitCode, stderr} = await trovestack(['image', 'activate', 'mariadb'], env);
      expect({exitCode, stderr}).toEqual({exitCode: 5, stderr: expect.stringContaining(`error ${code}`)});
      expect(stderr).not.toMatch(/^\s+at /m);
    }
    await openstack('service', 'set', '--disable', 'trove');
    const {exitCode, stderr} = await trovestack(['image', 'load', file('a.qcow2')]);
    await openstack('service', 'set', '--enable', 'trove');
    expect({exitCode, stderr}).toEqual({exitCode: 5, stderr: expect.stringContaining('error no-such-service')});
  });
});

async function waitForText(path: string, text: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if ((await readFile(path, 'utf8').catch(() => '')).includes(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`"${text}" never came into ${path}`);
}
