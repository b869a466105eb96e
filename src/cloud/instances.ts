import {setTimeout as sleep} from 'node:timers/promises';
import {z} from 'zod';
import {CloudError, type World} from '../base/index.js';
import {answerAs} from './answer.js';
import type {CloudSession} from './keystone.js';

/** A database instance as Trove shows it. */
export interface DatabaseInstance {
  readonly id: string;
  readonly name: string;
  /** `BUILD`, `ACTIVE`, `ERROR`, `FAILED`, `SHUTDOWN`, … */
  readonly status: string;
  /** `HEALTHY` when the database itself answers. */
  readonly operatingStatus: string;
  readonly datastore: string;
  readonly version: string;
  readonly addresses: readonly string[];
  /** Why it failed, in Trove's words. */
  readonly fault?: string;
}

export interface NewInstance {
  readonly name: string;
  readonly datastore: string;
  readonly version: string;
  readonly flavorId: string;
  readonly networkId: string;
  /** Of the database's volume; absent where Trove keeps databases on the server's own disk. */
  readonly volumeGiB?: number;
}

export interface DatabaseUser {
  readonly name: string;
  readonly password: string;
  /** Databases that the user gets all rights on. */
  readonly databases: readonly string[];
}

/** How long to wait for Trove, and how often to ask. */
export interface Patience {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
}

const service = 'database';
const defaultIntervalMs = 2000;

const instanceBody = z.looseObject({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  operating_status: z.string().nullish(),
  datastore: z.looseObject({type: z.string(), version: z.string()}),
  ip: z.array(z.string()).default([]),
  addresses: z.array(z.looseObject({address: z.string()})).default([]),
  fault: z.looseObject({message: z.string().nullish(), details: z.string().nullish()}).nullish(),
});

const oneInstance = z.looseObject({instance: instanceBody});
const named = z.looseObject({name: z.string()});
const links = z.array(z.looseObject({rel: z.string(), href: z.string()}));

export async function listInstances(session: CloudSession): Promise<DatabaseInstance[]> {
  return (await allPages(session, '/instances', 'instances', instanceBody)).map(instanceFrom);
}

/** The instance, or undefined when there is none (any more). */
export async function showInstance(session: CloudSession, id: string): Promise<DatabaseInstance | undefined> {
  const answer = await session.request({service, method: 'GET', path: pathOf(id), expected: [404]});
  return answer.status === 404 ? undefined : instanceFrom(answerAs(oneInstance, answer, 'GET', pathOf(id)).instance);
}

/** Asks for an instance; it is built afterwards: `waitForInstance`. */
export async function createInstance(session: CloudSession, wanted: NewInstance): Promise<DatabaseInstance> {
  const instance = {
    name: wanted.name,
    flavorRef: wanted.flavorId,
    datastore: {type: wanted.datastore, version: wanted.version},
    nics: [{'net-id': wanted.networkId}],
    ...(wanted.volumeGiB === undefined ? {} : {volume: {size: wanted.volumeGiB}}),
  };
  const answer = await session.request({service, method: 'POST', path: '/instances', json: {instance}});
  return instanceFrom(answerAs(oneInstance, answer, 'POST', '/instances').instance);
}

/** Waits until the instance is ACTIVE and its database HEALTHY, telling each new state as a milestone.
 * @throws {CloudError} `instance-failed` with Trove's own reason; `too-late` with the last state
 */
export async function waitForInstance(
  session: CloudSession,
  id: string,
  patience: Patience,
  world: World,
): Promise<DatabaseInstance> {
  const start = performance.now();
  let last = '';
  return waitFor<DatabaseInstance>(`database instance ${id} to become healthy`, patience, world.signal, async () => {
    const instance = await showInstance(session, id);
    if (!instance)
      throw new CloudError('instance-failed', {instance: id, status: 'gone', fault: 'somebody deleted it'});
    const state = `${instance.status} ${instance.operatingStatus}`.trim();
    if (state !== last) world.emit({type: 'milestone', name: `instance ${state}`, atMs: performance.now() - start});
    last = state;
    if (['ERROR', 'FAILED'].includes(instance.status)) {
      const fault = instance.fault ?? 'Trove gives no reason';
      throw new CloudError('instance-failed', {instance: instance.name, status: instance.status, fault});
    }
    const isHealthy = instance.status === 'ACTIVE' && instance.operatingStatus === 'HEALTHY';
    return isHealthy ? {done: instance} : {still: state};
  });
}

/** Creates a database in the instance unless it is there, and waits until the guest has it.
 * @returns Whether it was made now.
 */
export async function createDatabase(
  session: CloudSession,
  instanceId: string,
  name: string,
  patience: Patience,
  world: World,
): Promise<boolean> {
  const path = `${pathOf(instanceId)}/databases`;
  return createNamed(session, {path, member: 'databases', body: {name}}, patience, world);
}

/** Creates a user in the instance unless it is there, and waits until the guest has it.
 * @returns Whether it was made now: an existing user keeps its password.
 */
export async function createUser(
  session: CloudSession,
  instanceId: string,
  user: DatabaseUser,
  patience: Patience,
  world: World,
): Promise<boolean> {
  const path = `${pathOf(instanceId)}/users`;
  const {name, password} = user;
  const body = {name, password, host: '%', databases: user.databases.map((database) => ({name: database}))};
  return createNamed(session, {path, member: 'users', body}, patience, world);
}

/** Deletes the instance, also one that is still being built, and waits until it is gone.
 * @throws {CloudError} `too-late`
 */
export async function deleteInstance(
  session: CloudSession,
  id: string,
  patience: Patience,
  world: World,
): Promise<void> {
  const request = {service, method: 'DELETE', path: pathOf(id), expected: [404, 422]} as const;
  const answer = await session.request(request);
  if (answer.status === 422) {
    // Trove deletes nothing that it is at work on, until its state was reset.
    await session.request({service, method: 'POST', path: `${pathOf(id)}/action`, json: {reset_status: {}}});
    await session.request(request);
  }
  await waitFor<true>(`database instance ${id} to be gone`, patience, world.signal, async () => {
    const instance = await showInstance(session, id);
    return instance ? {still: instance.status} : {done: true};
  });
}

/** Something that Trove makes in a guest later than it answers, known by its name. */
interface NamedThing {
  readonly path: string;
  readonly member: 'databases' | 'users';
  readonly body: {readonly name: string};
}

async function createNamed(
  session: CloudSession,
  {path, member, body}: NamedThing,
  patience: Patience,
  world: World,
): Promise<boolean> {
  const look = async (): Promise<'there' | 'missing' | 'guest is silent'> => {
    try {
      const things = await allPages(session, path, member, named);
      return things.some((thing) => thing.name === body.name) ? 'there' : 'missing';
    } catch (error) {
      if (error instanceof CloudError && error.code === 'guest-silent') return 'guest is silent';
      throw error;
    }
  };
  const what = `${member.slice(0, -1)} "${body.name}"`;
  // The agent of a guest that was just started again is heard of some time after its server.
  const wasThere = await waitFor(`the guest to tell of ${what}`, patience, world.signal, async () => {
    const found = await look();
    return found === 'guest is silent' ? {still: found} : {done: found === 'there'};
  });
  if (wasThere) return false;
  await session.request({service, method: 'POST', path, json: {[member]: [body]}});
  await waitFor<true>(what, patience, world.signal, async () => {
    const found = await look();
    return found === 'there' ? {done: true} : {still: found};
  });
  return true;
}

/** A whole list of Trove's, which answers a page at a time (20 entries, unless the operator chose otherwise). */
async function allPages<S extends z.ZodType>(
  session: CloudSession,
  path: string,
  member: string,
  entry: S,
): Promise<z.output<S>[]> {
  const found: z.output<S>[] = [];
  let page: string | undefined = path;
  while (page) {
    const answer = await session.request({service, method: 'GET', path: page});
    const body = answerAs(z.looseObject({[member]: z.array(entry)}), answer, 'GET', page);
    found.push(...(body[member] ?? []));
    const next = z
      .looseObject({links})
      .safeParse(answer.json)
      .data?.links.find((link) => link.rel === 'next');
    page = next && `${path}${new URL(next.href, 'http://any').search}`;
  }
  return found;
}

async function waitFor<T>(
  what: string,
  patience: Patience,
  signal: AbortSignal,
  look: () => Promise<{readonly done: T} | {readonly still: string}>,
): Promise<T> {
  const deadline = performance.now() + patience.timeoutMs;
  for (;;) {
    const found = await look();
    if ('done' in found) return found.done;
    if (performance.now() > deadline) {
      const seconds = Math.round(patience.timeoutMs / 1000);
      throw new CloudError('too-late', {what, seconds, last: found.still});
    }
    await sleep(patience.intervalMs ?? defaultIntervalMs, undefined, {signal}).catch(() => signal.throwIfAborted());
  }
}

function pathOf(id: string): string {
  return `/instances/${encodeURIComponent(id)}`;
}

function instanceFrom(body: z.output<typeof instanceBody>): DatabaseInstance {
  const addresses = [...new Set([...body.ip, ...body.addresses.map((entry) => entry.address)])];
  const fault = body.fault?.message ?? body.fault?.details;
  return {
    id: body.id,
    name: body.name,
    status: body.status,
    operatingStatus: body.operating_status ?? '',
    datastore: body.datastore.type,
    version: body.datastore.version,
    addresses,
    ...(fault ? {fault} : {}),
  };
}
