import {createHash} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {type Event, TrovestackError, type World} from '../../src/base/index.js';
import {readCloudSettings} from '../../src/cloud/index.js';
import {findVersion} from '../../src/datastore/index.js';
import {type ImageServices, openImageServices} from '../../src/workflows/image-services.js';
import {loadImage} from '../../src/workflows/load-image.js';
import {writeQcow2} from '../rig/disk-image.js';
import {type CallName, type Fault, type FaultProxy, startFaultProxy} from '../rig/fault-proxy.js';
import {home, runTrovestack, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** Loading and activating, with each fault at each kind of call to a real Keystone, Glance and Trove. After each, and after the
 * second run that follows, what served before serves, or its successor does. By itself:
 *
 *     npx vitest run --project long tests/long/load-faults.test.ts
 */
describe.skipIf(process.getuid?.() !== 0)('loading and activating through faults', () => {
  const devcloud = 'faults';
  const rules = [
    {name: 'max_connections', restart_required: false, type: 'integer', min: 1, max: 100_000},
    {name: 'character_set_server', restart_required: false, type: 'string'},
  ];
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let proxy: FaultProxy;
  let cloud: ImageServices;
  let world: World;
  /** Image of the version that is the default before each load. */
  let standing: {readonly versionId: string; readonly imageId: string};
  const known = new Set<string>();
  const path = (name: string) => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryFolder();
    const env = {TROVESTACK_STATE: path('state')};
    const up = await runTrovestack(['devcloud', 'up', '--name', devcloud, '--profile', 'api'], {env});
    expect(up.exitCode, up.stderr).toBe(0);
    const entry = parse(await readFile(path('state/clouds.yaml'), 'utf8')).clouds[`trovestack-${devcloud}`];
    proxy = await startFaultProxy(new URL(entry.auth.auth_url).hostname);
    const proxied = {...entry, auth: {...entry.auth, auth_url: proxy.authUrl}};
    await writeFile(path('clouds.yaml'), JSON.stringify({clouds: {direct: entry, proxied}}));
    await writeFile(path('rules.json'), JSON.stringify({'configuration-parameters': rules}));
    world = worldWith(new AbortController().signal);
    cloud = await openImageServices(await readCloudSettings(world, {cloud: 'direct'}), world);
    standing = await makeStanding();
  });

  afterAll(async () => {
    await cloud?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await runTrovestack(['devcloud', 'destroy', '--name', devcloud], {env: {TROVESTACK_STATE: path('state')}});
    await folder[Symbol.asyncDispose]();
  });

  function worldWith(signal: AbortSignal, emit: (event: Event) => void = () => {}): World {
    const env = {OS_CLIENT_CONFIG_FILE: path('clouds.yaml')};
    const paths = {home: home.replace(/\/$/, ''), store: path('store'), state: path('no-state'), data: path('no-data')};
    return {emit, env, paths, signal};
  }

  /** A version that is active and the default, on an image of its own: what must go on serving. */
  async function makeStanding() {
    const file = await newFile('standing');
    const loaded = await loadImage({...requestFor(file), cloud: 'direct', activate: false}, world);
    const imageId = loaded.image.id ?? '';
    await cloud.trove.delete(loaded.registration.id ?? '');
    const version = {datastore: 'mariadb', manager: 'mariadb', version: '10.0', image: {imageId}, isActive: true};
    await cloud.trove.create(version);
    const registered = findVersion(await cloud.trove.list(), 'mariadb', '10.0');
    await cloud.trove.update(registered?.id ?? '', {isDefault: true});
    return {versionId: registered?.id ?? '', imageId};
  }

  async function newFile(name: string): Promise<string> {
    const file = path(`${name}.qcow2`);
    await writeQcow2(file, 1);
    known.add(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    );
    return file;
  }

  const requestFor = (file: string) => ({
    file,
    cloud: 'proxied',
    datastore: 'mariadb:11.8',
    validationRules: path('rules.json'),
    activate: true,
    canary: {isWanted: false},
  });

  /** The version under test is gone again, and the standing one is the default. */
  async function reset(): Promise<void> {
    await cloud.trove.update(standing.versionId, {isDefault: true});
    const row = findVersion(await cloud.trove.list(), 'mariadb', '11.8');
    if (row) await cloud.trove.delete(row.id);
  }

  /** What has to hold whatever happened. */
  async function checkInvariants(where: string): Promise<void> {
    const versions = await cloud.trove.list();
    const chosen = versions.filter(({isDefault}) => isDefault);
    expect(
      chosen.map(({isActive}) => isActive),
      `${where}: the one default is active`,
    ).toEqual([true]);
    const image = await cloud.glance.show(chosen[0]?.imageId ?? '');
    expect(image?.status, `${where}: the default's image is whole`).toBe('active');
    expect((await cloud.glance.show(standing.imageId))?.status, `${where}: what served is there`).toBe('active');
    const images = await cloud.glance.list({});
    const strangers = images.filter(({properties}) => !known.has(properties.trovestack_sha256 ?? ''));
    expect(strangers, `${where}: each image says which file it is of`).toEqual([]);
  }

  /** A run with a fault, then one without, which has to finish the work; a third has nothing left to do. */
  async function survive(name: string, faulty: (file: string) => Promise<unknown>): Promise<void> {
    await reset();
    const file = await newFile('image');
    const failure = await faulty(file).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure !== undefined) expect(failure, name).toBeInstanceOf(TrovestackError);
    expect(proxy.happened, `${name}: the fault came`).toBeGreaterThan(0);
    proxy.arm(undefined);
    await checkInvariants(`${name}, after the fault`);
    await finish(name, file);
  }

  async function finish(name: string, file: string): Promise<void> {
    const second = await loadImage(requestFor(file), world);
    expect(second.activation?.version, name).toMatchObject({isActive: true, isDefault: true, imageId: second.image.id});
    await checkInvariants(`${name}, after the second run`);
    const third = await loadImage(requestFor(file), world);
    expect({actions: third.actions, isChanged: third.isChanged}, `${name}, third run`).toEqual({
      actions: [],
      isChanged: false,
    });
  }

  async function callsOfACleanRun(): Promise<CallName[]> {
    await reset();
    proxy.arm(undefined);
    await loadImage(requestFor(await newFile('image')), world);
    return [...new Set(proxy.calls)];
  }

  const statuses = [401, 403, 404, 409, 413, 429, 500, 502, 503];
  const everywhere: Readonly<Record<string, Fault>> = {
    ...Object.fromEntries(statuses.map((status) => [`answer ${status}`, {kind: 'status', status}])),
    'rate limit': {kind: 'status', status: 413, headers: {'retry-after': '0'}},
    cut: {kind: 'cut'},
    'lost answer': {kind: 'lost answer'},
    drip: {kind: 'drip'},
  };
  const ofWrites: Readonly<Record<string, Fault>> = {'200, and nothing done,': {kind: 'lie', status: 200}};

  test.each([
    ...Object.entries(everywhere).map(([name, fault]) => [name, fault, 'any'] as const),
    ...Object.entries(ofWrites).map(([name, fault]) => [name, fault, 'writing'] as const),
  ])('%s at each kind of call', async (name, fault, kind) => {
    const all = await callsOfACleanRun();
    expect(all.length).toBeGreaterThan(12);
    const isWrite = (call: CallName) => !call.startsWith('GET') && !call.includes('/auth/tokens');
    for (const call of kind === 'any' ? all : all.filter(isWrite)) {
      await survive(`${name} at ${call}`, (file) => {
        proxy.arm(call, fault);
        return loadImage(requestFor(file), world);
      });
    }
  });

  test('faults that stay: refused for good, or broken for good, whatever is asked', async () => {
    const calls = (await callsOfACleanRun()).filter((call) => !call.startsWith('GET'));
    for (const call of calls) {
      // A cloud that forbids uploads for good gets the image another way: that is a test of its own.
      for (const status of call.endsWith('/file') ? [500] : [403, 500]) {
        await survive(`${status} for good at ${call}`, async (file) => {
          proxy.arm(call, {kind: 'status', status}, 'each');
          const error = await loadImage(requestFor(file), world).catch((thrown: unknown) => thrown);
          expect(error, `${status} for good at ${call}`).toBeInstanceOf(TrovestackError);
          throw error;
        });
      }
    }
  });

  test.each([1, 70_000, 1_000_000])('an upload that is cut at byte %d', async (byte) => {
    await survive(`cut at ${byte}`, async (file) => {
      proxy.arm('PUT image /v2/images/ID/file', {kind: 'cut at byte', byte});
      await expect(loadImage(requestFor(file), world)).rejects.toMatchObject({code: 'unreachable'});
    });
  });

  test('a token that expires in the middle is renewed', async () => {
    await survive('expired token', async (file) => {
      proxy.arm('PUT image /v2/images/ID/file', {kind: 'status', status: 401});
      await loadImage(requestFor(file), world);
      expect(proxy.calls.filter((call) => call.includes('/auth/tokens'))).toHaveLength(2);
    });
  });

  test('a cloud that forbids uploads gets the image staged and imported', async () => {
    await survive('staged', async (file) => {
      proxy.arm('PUT image /v2/images/ID/file', {kind: 'status', status: 403}, 'each');
      const loaded = await loadImage(requestFor(file), world);
      expect(loaded.activation?.version.imageId).toBe(loaded.image.id);
      expect(proxy.calls).toContain('POST image /v2/images/ID/import');
    });
  });

  describe('an image that somebody deletes in between', () => {
    const moments: readonly [string, CallName, 'before' | 'after'][] = [
      ['before its data', 'PUT image /v2/images/ID/file', 'before'],
      ['after its data', 'PUT image /v2/images/ID/file', 'after'],
      ['before it is registered', 'POST database /mgmt/datastore-versions', 'before'],
    ];
    test.each(moments)('%s', async (name, call, when) => {
      await survive(`deleted ${name}`, async (file) => {
        const sha256 = createHash('sha256')
          .update(await readFile(file))
          .digest('hex');
        const act = async () => {
          for (const {id} of await cloud.glance.list({trovestack_sha256: sha256})) await cloud.glance.delete(id);
        };
        proxy.arm(call, {kind: 'meanwhile', when, act});
        return await loadImage(requestFor(file), world);
      });
    });
  });

  test('two operators at once, with one file and with two', async () => {
    for (const isSame of [true, false]) {
      await reset();
      const files = [await newFile('image'), isSame ? path('image.qcow2') : await newFile('other')];
      const outcomes = await Promise.allSettled(files.map((file) => loadImage(requestFor(file), world)));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(TrovestackError);
      }
      await checkInvariants(`two at once, ${isSame ? 'one file' : 'two files'}`);
      await finish('two at once', files[0] ?? '');
    }
  });

  describe.each(['SIGINT', 'SIGKILL'] as const)('%s between any two calls', (signalName) => {
    test('leaves what serves, and the second run finishes', async () => {
      const calls = (await callsOfACleanRun()).filter((call) => !call.includes('/auth/tokens'));
      const writes = calls.filter((call) => !call.startsWith('GET'));
      for (const call of writes) {
        for (const when of ['before', 'after'] as const) {
          await survive(`${signalName} ${when} ${call}`, (file) => killedAt(call, when, signalName, file));
        }
      }
    });
  });

  async function killedAt(
    call: CallName,
    when: 'before' | 'after',
    signalName: NodeJS.Signals,
    file: string,
  ): Promise<void> {
    const {cloud: name, datastore, validationRules} = requestFor(file);
    const options = ['--datastore', datastore, '--validation-rules', validationRules, '--activate', '--no-canary'];
    const env = {TROVESTACK_STATE: path('no-state'), OS_CLIENT_CONFIG_FILE: path('clouds.yaml')};
    let running: ReturnType<typeof startTrovestack> | undefined;
    const act = async () => {
      running?.kill(signalName);
      await running?.result;
    };
    proxy.arm(call, {kind: 'meanwhile', when, act});
    running = startTrovestack(['image', 'load', file, '--cloud', name, ...options], {env});
    const {exitCode} = await running.result;
    expect(exitCode, `${signalName} ${when} ${call}`).toBe(signalName === 'SIGKILL' ? null : 130);
  }
});
