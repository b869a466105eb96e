import {setTimeout as sleep} from 'node:timers/promises';
import {type Emit, HostError, lastLines, readFileIfThere} from '../base/index.js';
import type {Profile} from './profile.js';
import {isAlive, type ProcessIdentity, programStates} from './supervisor.js';

/** A devcloud that is starting. */
export interface Starting {
  readonly name: string;
  readonly profile: Profile;
  readonly address: string;
  readonly password: string;
  readonly supervisor: ProcessIdentity;
  readonly startedAt: Date;
  /** Folder with a log file for each program. */
  readonly logs: string;
  /** What the supervisor itself says. */
  readonly supervisorLog: string;
}

/** A question to one service, which is ready when the answer says so. */
interface Question {
  readonly service: string;
  readonly port: number;
  /** Program whose log is shown when the answer doesn't come. */
  readonly program: string;
  readonly path: (projectId: string) => string;
  readonly isReady: (answer: unknown, startedAt: Date) => boolean;
}

interface Token {
  readonly id: string;
  readonly projectId: string;
}

/** Programs that fail to stay up more often than this in a row will not do it at the next try either. */
const hopelessRestarts = 6;

const anyAnswer = () => true;

const apiQuestions: readonly Question[] = [
  {service: 'glance', port: 9292, program: 'glance', path: () => '/v2/images?limit=1', isReady: anyAnswer},
  {service: 'trove', port: 8779, program: 'trove-api', path: (id) => `/v1.0/${id}/datastores`, isReady: anyAnswer},
];

const fullQuestions: readonly Question[] = [
  ...apiQuestions,
  {
    service: 'placement',
    port: 8778,
    program: 'placement',
    path: () => '/resource_providers',
    isReady: (answer) => listIn(answer, 'resource_providers').length > 0,
  },
  {service: 'nova', port: 8774, program: 'nova-api', path: () => '/v2.1/flavors', isReady: anyAnswer},
  {
    service: 'nova-compute',
    port: 8774,
    program: 'nova-compute',
    path: () => '/v2.1/os-services?binary=nova-compute',
    isReady: (answer, startedAt) =>
      listIn(answer, 'services').some((s) => s.state === 'up' && utc(s.updated_at) >= startedAt),
  },
  {
    service: 'neutron and OVN',
    port: 9696,
    program: 'neutron-server',
    path: () => '/v2.0/agents',
    isReady: (answer) => listIn(answer, 'agents').some((agent) => agent.alive === true),
  },
  {service: 'cinder', port: 8776, program: 'cinder', path: (id) => `/v3/${id}/volumes`, isReady: anyAnswer},
];

/** Waits until every service of a devcloud answers as it should, and every task of its supervisor is done.
 * @throws {HostError} `devcloud-not-ready` with the service's own last lines.
 */
export async function awaitReadiness(cloud: Starting, emit: Emit, signal: AbortSignal, timeoutMs: number) {
  const end = Date.now() + timeoutMs;
  const checkOn = async (service: string, program: string) => {
    signal.throwIfAborted();
    await checkPrograms(cloud);
    if (Date.now() > end) throw await notReady(cloud, service, program, `no answer within ${timeoutMs / 1000} s`);
    await sleep(300, undefined, {signal});
  };
  const tell = (service: string) =>
    emit({type: 'milestone', name: `${service} answers`, atMs: Date.now() - cloud.startedAt.getTime()});

  let token = await requestToken(cloud, signal);
  for (; !token; token = await requestToken(cloud, signal)) await checkOn('keystone', 'keystone');
  tell('keystone');
  const {id, projectId} = token;
  const ask = async (question: Question) => {
    while (!(await answersWell(question, cloud, {id, projectId}, signal))) {
      await checkOn(question.service, question.program);
    }
    tell(question.service);
  };
  await Promise.all((cloud.profile === 'api' ? apiQuestions : fullQuestions).map(ask));
  for (let task = await unfinishedTask(cloud); task; task = await unfinishedTask(cloud)) await checkOn(task, task);
}

async function unfinishedTask(cloud: Starting): Promise<string | undefined> {
  const states = (await programStates(cloud.supervisor)) ?? [];
  return states.find(({kind, state}) => kind === 'task' && state !== 'done')?.name;
}

async function checkPrograms(cloud: Starting): Promise<void> {
  if (!(await isAlive(cloud.supervisor))) {
    const said = lastLines((await readFileIfThere(cloud.supervisorLog)) ?? '', 10);
    throw new HostError('devcloud-not-ready', {name: cloud.name, what: 'supervisor', problem: 'it ended', said});
  }
  for (const {name, state, restarts} of (await programStates(cloud.supervisor)) ?? []) {
    if (state === 'failed') throw await notReady(cloud, name, name, 'it failed');
    if (restarts >= hopelessRestarts) throw await notReady(cloud, name, name, `it ended ${restarts} times`);
  }
}

async function notReady(cloud: Starting, what: string, program: string, problem: string): Promise<HostError> {
  const said = lastLines((await readFileIfThere(`${cloud.logs}/${program}.log`)) ?? '', 10);
  return new HostError('devcloud-not-ready', {name: cloud.name, what, problem, said});
}

async function requestToken(cloud: Starting, signal: AbortSignal): Promise<Token | undefined> {
  const user = {name: 'admin', domain: {id: 'default'}, password: cloud.password};
  const project = {name: 'admin', domain: {id: 'default'}};
  const answer = await request(`http://${cloud.address}:5000/v3/auth/tokens`, signal, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({auth: {identity: {methods: ['password'], password: {user}}, scope: {project}}}),
  });
  const id = answer?.headers.get('x-subject-token');
  if (!answer || !id) return undefined;
  return {id, projectId: (answer.body as {token: {project: {id: string}}}).token.project.id};
}

async function answersWell(question: Question, cloud: Starting, token: Token, signal: AbortSignal): Promise<boolean> {
  const url = `http://${cloud.address}:${question.port}${question.path(token.projectId)}`;
  const answer = await request(url, signal, {headers: {'x-auth-token': token.id}});
  return answer !== undefined && question.isReady(answer.body, cloud.startedAt);
}

interface Answer {
  readonly headers: Headers;
  readonly body: unknown;
}

/** The answer, whole, or undefined where there is none that counts yet. */
async function request(url: string, signal: AbortSignal, init: RequestInit): Promise<Answer | undefined> {
  try {
    const answer = await fetch(url, {...init, signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)])});
    const text = await answer.text();
    return answer.ok ? {headers: answer.headers, body: JSON.parse(text)} : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined; // refused, cut off, too slow or no JSON: it is still starting
  }
}

function listIn(answer: unknown, name: string): readonly Readonly<Record<string, unknown>>[] {
  const list = (answer as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(list) ? list : [];
}

/** OpenStack's times are UTC, without saying so; seconds are the finest grain that is safe to compare. */
function utc(time: unknown): Date {
  return new Date(new Date(`${String(time).replace(' ', 'T')}Z`).getTime() + 1000);
}
