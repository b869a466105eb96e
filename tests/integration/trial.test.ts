import {randomUUID} from 'node:crypto';
import {describe, expect, it} from 'vitest';
import type {World} from '../../src/base/index.js';
import type {GlanceImage} from '../../src/cloud/index.js';
import {settingsFrom} from '../../src/cloud/settings.js';
import {
  chooseVersion,
  type DatastoreDefinition,
  type RegisteredVersion,
  readCatalogue,
} from '../../src/datastore/index.js';
import {tryImage} from '../../src/workflows/canary.js';
import {openImageServices} from '../../src/workflows/image-services.js';
import {type Behaviour, startFaultyServer} from '../rig/faulty-server.js';
import {home} from '../rig/trovestack.js';

const version: RegisteredVersion = {
  ...{id: 'v', datastore: 'mariadb', manager: 'mariadb', name: '11.8', version: '11.8'},
  ...{imageTags: [], isActive: true, isDefault: true, imageId: 'old'},
};
const image: GlanceImage = {
  ...{id: randomUUID(), name: 'new', status: 'active', visibility: 'private', createdAt: '2026-01-01T00:00:00Z'},
  ...{minDiskGiB: 3, minRamMiB: 1024, tags: [], properties: {}, isProtected: false},
};

async function mariadb(): Promise<DatastoreDefinition> {
  return chooseVersion(await readCatalogue(home), 'mariadb').datastore;
}

/** How an instance ends on a server that otherwise does as it is told, and what it holds meanwhile. */
function cloudWhere(instances: 'become healthy' | 'fail' | 'stay in the making', onFirstLook: () => void = () => {}) {
  const held = {versions: new Map<string, object>(), instances: new Map<string, object>()};
  const bodies: string[] = [];
  const states = {'become healthy': 'ACTIVE', fail: 'ERROR', 'stay in the making': 'BUILD'};
  const behave: Behaviour = (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const [, kind = '', id = ''] = /^\/(?:mgmt\/)?([\w.-]+)\/?(.*)$/.exec(path) ?? [];
    const call = `${request.method} ${kind}${id ? '/ID' : ''}`;
    const answer = (status: number, value: object = {}) => response.writeHead(status).end(JSON.stringify(value));
    switch (call) {
      case 'GET flavors/ID': {
        const small = {id: 's', name: 'small', vcpus: 1, ram: 512, disk: 5};
        const fitting = {id: 'f', name: 'fitting', vcpus: 1, ram: 2048, disk: 5, 'OS-FLV-EXT-DATA:ephemeral': 1};
        return answer(200, {flavors: [small, fitting]});
      }
      case 'GET v2.0/ID':
        return answer(200, {networks: [{id: 'n', name: 'net', shared: true}]});
      case 'POST datastore-versions': {
        bodies.push(request.body);
        const {version: made} = JSON.parse(request.body);
        held.versions.set('t', {...made, id: 't', datastore_name: 'mariadb'});
        return answer(202);
      }
      case 'GET datastore-versions':
        return answer(200, {versions: [...held.versions.values()]});
      case 'DELETE datastore-versions/ID':
        held.versions.delete(id);
        return answer(202);
      case 'POST instances': {
        bodies.push(request.body);
        const {name} = JSON.parse(request.body).instance;
        const datastore = {type: 'mariadb', version: name};
        const made = {id: 'i', name, status: states[instances], operating_status: 'HEALTHY', datastore};
        held.instances.set('i', {...made, fault: {message: 'No valid host'}});
        return answer(200, {instance: held.instances.get('i')});
      }
      case 'GET instances':
        return answer(200, {instances: [...held.instances.values()]});
      case 'GET instances/ID': {
        onFirstLook();
        const found = held.instances.get(id);
        return found ? answer(200, {instance: found}) : answer(404);
      }
      case 'DELETE instances/ID':
        held.instances.delete(id);
        return answer(202);
      default:
        return answer(500, {error: {message: `nobody expects ${call}`}});
    }
  };
  return {held, bodies, behave};
}

async function tried(cloud: ReturnType<typeof cloudWhere>, services?: readonly string[], signal?: AbortSignal) {
  await using server = await startFaultyServer(cloud.behave, services);
  const auth = {auth_url: server.url, username: 'u', password: 'right', project_name: 'x'};
  const paths = {home: '/', store: '/', state: '/', data: '/'};
  const texts: string[] = [];
  const emit: World['emit'] = (event) => {
    if (event.type === 'warning') texts.push(event.text);
  };
  const world: World = {emit, env: {}, paths, signal: signal ?? new AbortController().signal};
  await using opened = await openImageServices(settingsFrom('trial', 'a test', {auth}, true), world);
  const choice = {timeoutMs: 300, ...(services ? {} : {isWanted: true})};
  const report = await tryImage(opened, version, image, await mariadb(), choice, world).catch(
    (error: unknown) => error,
  );
  return {report, warnings: texts};
}

const running = ['image', 'database', 'compute', 'network'];

describe('a trial instance', () => {
  it('that becomes healthy lets the image through, and is removed with its version', async () => {
    const cloud = cloudWhere('become healthy');
    const {report, warnings} = await tried(cloud, running);
    expect(report).toMatchObject({kind: 'passed', instance: expect.stringMatching(/^11\.8-trial-[0-9a-f]{8}$/)});
    const [made, ordered] = cloud.bodies.map((text) => JSON.parse(text));
    expect(made.version).toMatchObject({version: '11.8', image: image.id, active: true, default: false});
    expect(ordered.instance).toMatchObject({flavorRef: 'f', datastore: {version: made.version.name}});
    expect({...cloud.held, warnings}).toEqual({versions: new Map(), instances: new Map(), warnings: []});
  });

  it("that fails stops the activation with Trove's own reason, and is removed", async () => {
    const cloud = cloudWhere('fail');
    const {report} = await tried(cloud, running);
    expect(report).toMatchObject({code: 'canary-failed', message: expect.stringContaining('No valid host')});
    expect(cloud.held).toEqual({versions: new Map(), instances: new Map()});
  });

  it('that never becomes healthy stops the activation, and is removed', async () => {
    const cloud = cloudWhere('stay in the making');
    const {report} = await tried(cloud, running);
    expect(report).toMatchObject({code: 'canary-failed', message: expect.stringContaining('after 0 s')});
    expect(cloud.held).toEqual({versions: new Map(), instances: new Map()});
  });

  it('is removed when the command is interrupted', async () => {
    const controller = new AbortController();
    const cloud = cloudWhere('stay in the making', () => controller.abort(new Error('interrupted')));
    const {report} = await tried(cloud, running, controller.signal);
    expect(report).toMatchObject({message: 'interrupted'});
    expect(cloud.held).toEqual({versions: new Map(), instances: new Map()});
  });

  it('is left out, with the reason, where the cloud can run none', async () => {
    const {report} = await tried(cloudWhere('fail'), ['image', 'database']);
    expect(report).toEqual({kind: 'skipped', reason: 'the cloud can run none: it has no compute service'});
  });

  it('that is asked for where the cloud can run none is an error', async () => {
    const {report} = await tried(cloudWhere('fail'));
    expect(report).toMatchObject({code: 'nothing-suitable'});
  });
});
