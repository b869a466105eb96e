import {Readable} from 'node:stream';
import {describe, expect, it} from 'vitest';
import type {World} from '../../src/base/index.js';
import {
  createDatabase,
  deleteInstance,
  glanceClient,
  listInstances,
  type NewImage,
  openSession,
  troveDatastores,
  waitForInstance,
} from '../../src/cloud/index.js';
import {settingsFrom} from '../../src/cloud/settings.js';
import {type Behaviour, startFaultyServer} from '../rig/faulty-server.js';

const json = (value: unknown): string => JSON.stringify(value);
const noVersions: Behaviour = (_request, response) => response.end(json({versions: []}));

/** A session with a server that behaves so. */
async function meet(behave: Behaviour, {password = 'right', signal = new AbortController().signal} = {}) {
  const server = await startFaultyServer(behave);
  const auth = {auth_url: server.url, username: 'u', password, project_name: 'x'};
  const paths = {home: '/', store: '/', state: '/', data: '/'};
  const world: World = {emit: () => {}, env: {}, paths, signal};
  const session = await openSession(settingsFrom('faulty', 'a test', {auth}, true), world);
  return {
    server,
    session,
    world,
    trove: troveDatastores(session),
    glance: glanceClient(session),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Behaves by the list, the last entry for all that follows. */
function inTurn(...behaviours: readonly Behaviour[]): Behaviour {
  let turn = 0;
  return (request, response) => behaviours[Math.min(turn++, behaviours.length - 1)]?.(request, response);
}

const answer =
  (status: number, text = ''): Behaviour =>
  (_request, response) =>
    response.writeHead(status).end(text);
const cut: Behaviour = (request) => request.socket.destroy();

describe('a question to a service', () => {
  it('is asked again while the service is unavailable, or when the connection was cut', async () => {
    await using cloud = await meet(inTurn(answer(503), cut, noVersions));
    expect(await cloud.trove.list()).toEqual([]);
    expect(cloud.server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(3);
  });

  it('gets a new token once when the old one has expired', async () => {
    await using cloud = await meet(inTurn(answer(401), noVersions));
    expect(await cloud.trove.list()).toEqual([]);
    expect(cloud.server.requests.filter((request) => request.includes('/auth/tokens'))).toHaveLength(2);
  });

  it('is given up when each token is refused', async () => {
    await using cloud = await meet(answer(401, json({error: {message: 'no'}})));
    await expect(cloud.trove.list()).rejects.toMatchObject({code: 'not-authorized'});
    expect(cloud.server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(2);
  });

  it('ends at once when the command is interrupted', async () => {
    const controller = new AbortController();
    await using cloud = await meet(() => controller.abort(new Error('interrupted')), {signal: controller.signal});
    await expect(cloud.trove.list()).rejects.toThrow('interrupted');
  });

  it('that is answered by something else names what is unexpected', async () => {
    await using cloud = await meet(answer(200, '<html>Please log in</html>'));
    await expect(cloud.trove.list()).rejects.toMatchObject({code: 'request-failed'});
  });
});

describe('a change', () => {
  it('is not sent again when its answer was lost, since it may have been made', async () => {
    await using cloud = await meet(cut);
    const version = {datastore: 'd', manager: 'd', version: '1', image: {imageId: 'i'}};
    await expect(cloud.trove.create(version)).rejects.toMatchObject({code: 'unreachable'});
    expect(cloud.server.requests.filter((request) => request.includes('datastore-versions'))).toHaveLength(1);
  });

  it('that Trove puts off for its rate is sent again after the wait that it names, whichever way it does', async () => {
    const named: Behaviour = (_request, response) => response.writeHead(413, {'retry-after': '0'}).end();
    const inBody = answer(413, json({overLimit: {code: 413, retryAfter: '0'}}));
    await using cloud = await meet(inTurn(named, inBody, answer(202)));
    await cloud.trove.create({datastore: 'd', manager: 'd', version: '1', image: {imageId: 'i'}});
    expect(cloud.server.requests.filter((request) => request.includes('datastore-versions'))).toHaveLength(3);
  });

  it('carries 2^64−1 with every digit', async () => {
    let sent = '';
    await using cloud = await meet((request, response) => {
      sent = request.body;
      response.end('{}');
    });
    const bounds = {min: 0n, max: 2n ** 64n - 1n};
    await cloud.trove.createParameter('v', {name: 'a', type: 'integer', isRestartRequired: false, ...bounds});
    expect(sent).toContain('"max_size":18446744073709551615');
  });
});

describe('an upload', () => {
  it('is one request of known length', async () => {
    let length: string | undefined;
    await using cloud = await meet((request, response) => {
      length = request.headers['content-length'];
      response.writeHead(204).end();
    });
    const sizeBytes = 3 * 2 ** 20;
    await cloud.glance.upload('i', {sizeBytes, open: () => Readable.from([Buffer.alloc(sizeBytes)])});
    expect(length).toBe(String(sizeBytes));
  });

  it('that is refused for its size names the limit', async () => {
    await using cloud = await meet(answer(413, '<html><body>Image size limit of 2000 MiB</body></html>'));
    const data = {sizeBytes: 1, open: () => Readable.from([Buffer.alloc(1)])};
    await expect(cloud.glance.upload('i', data)).rejects.toMatchObject({
      code: 'over-quota',
      message: expect.stringContaining('2000 MiB'),
    });
  });
});

describe('what Glance offers', () => {
  const meetWith = (status: number, value: unknown) => meet(answer(status, json(value)));

  it('of imports and limits is read where it is told', async () => {
    await using imports = await meetWith(200, {'import-methods': {type: 'array', value: ['glance-direct']}});
    expect(await imports.glance.importMethods()).toEqual(['glance-direct']);
    await using stores = await meetWith(200, {
      stores: [
        {id: 'a', type: 'file'},
        {id: 'b', type: 'rbd', default: 'true'},
      ],
    });
    expect(await stores.glance.defaultStoreType()).toBe('rbd');
    await using limits = await meetWith(200, {usage: {image_size_total: {limit: 1000, usage: 7}}});
    expect(await limits.glance.quotas()).toEqual({image_size_total: {limit: 1000, usage: 7}});
  });

  it('is nothing where Glance is older than the question', async () => {
    await using cloud = await meetWith(404, {});
    expect(await cloud.glance.importMethods()).toEqual([]);
    expect(await cloud.glance.quotas()).toEqual({});
    expect(await cloud.glance.defaultStoreType()).toBeUndefined();
  });
});

describe('a record of an image', () => {
  const record: NewImage = {
    id: 'i',
    name: 'n',
    format: 'qcow2',
    visibility: 'private',
    minDiskGiB: 1,
    minRamMiB: 1,
    tags: [],
    properties: {},
  };

  it('whose answer was lost is asked for again under the same id, and a conflict says that it is there', async () => {
    const ids: string[] = [];
    const noted =
      (behave: Behaviour): Behaviour =>
      (request, response) => {
        ids.push(JSON.parse(request.body).id);
        behave(request, response);
      };
    await using cloud = await meet(inTurn(noted(cut), noted(answer(409))));
    await cloud.glance.create(record);
    expect(ids).toEqual(['i', 'i']);
  });
});

describe('an instance', () => {
  const patience = {timeoutMs: 5000, intervalMs: 1};
  const shown = (status: string, more: object = {}): Behaviour =>
    answer(
      200,
      json({instance: {id: 'i', name: 'db', status, datastore: {type: 'mariadb', version: '11.8'}, ...more}}),
    );

  it('is waited for until its database answers, not only its machine', async () => {
    const healthy = shown('ACTIVE', {operating_status: 'HEALTHY', ip: ['10.0.0.5']});
    await using cloud = await meet(inTurn(shown('BUILD'), shown('ACTIVE', {operating_status: 'NEW'}), healthy));
    const instance = await waitForInstance(cloud.session, 'i', patience, cloud.world);
    expect(instance).toMatchObject({status: 'ACTIVE', operatingStatus: 'HEALTHY', addresses: ['10.0.0.5']});
  });

  it("that fails ends the wait with Trove's own reason", async () => {
    await using cloud = await meet(inTurn(shown('BUILD'), shown('ERROR', {fault: {message: 'No valid host'}})));
    await expect(waitForInstance(cloud.session, 'i', patience, cloud.world)).rejects.toMatchObject({
      code: 'instance-failed',
      facts: {status: 'ERROR', fault: 'No valid host'},
    });
  });

  it('that never gets there ends the wait with its last state', async () => {
    await using cloud = await meet(shown('BUILD'));
    const wait = waitForInstance(cloud.session, 'i', {timeoutMs: 20, intervalMs: 1}, cloud.world);
    await expect(wait).rejects.toMatchObject({code: 'too-late', facts: {last: 'BUILD'}});
  });

  it('that is being built is deleted all the same', async () => {
    await using cloud = await meet(inTurn(answer(422), answer(202), answer(202), answer(404)));
    await deleteInstance(cloud.session, 'i', patience, cloud.world);
    expect(cloud.server.requests.slice(1)).toEqual([
      'DELETE /instances/i',
      'POST /instances/i/action',
      'DELETE /instances/i',
      'GET /instances/i',
    ]);
  });

  it('has its database when the guest lists it, be it on a second page', async () => {
    const page = (names: string[], links: object[] = []) =>
      answer(200, json({databases: names.map((name) => ({name})), links}));
    const more = [{rel: 'next', href: 'https://elsewhere/databases?marker=b'}];
    await using cloud = await meet(inTurn(page(['b'], more), page([]), answer(202), page(['b'], more), page(['app'])));
    expect(await createDatabase(cloud.session, 'i', 'app', patience, cloud.world)).toBe(true);
    expect(cloud.server.requests.filter((request) => request === 'GET /instances/i/databases?marker=b')).toHaveLength(
      2,
    );
  });

  it('list of none is empty', async () => {
    await using cloud = await meet(answer(200, json({instances: []})));
    expect(await listInstances(cloud.session)).toEqual([]);
  });
});
