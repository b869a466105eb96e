import {readFile} from 'node:fs/promises';
import {z} from 'zod';
import {CloudError, HostError, systemErrorCode, UsageError, type World} from '../base/index.js';
import {answerAs} from './answer.js';
import {Http, type HttpAnswer, type HttpRequest} from './http.js';
import {reasonIn, refusal} from './refusal.js';
import type {CloudSettings, DomainRef, Scope} from './settings.js';

/** A service of a cloud, by its type in Keystone's catalog. */
export type ServiceType = 'identity' | 'image' | 'database' | 'compute' | 'network';

/** Types that catalogs spell in more than one way. */
const spellings: Readonly<Record<ServiceType, readonly string[]>> = {
  identity: ['identity'],
  image: ['image', 'imagev2'],
  database: ['database'],
  compute: ['compute', 'computev21'],
  network: ['network'],
};

export interface ServiceRequest extends Omit<HttpRequest, 'url'> {
  readonly service: ServiceType;
  /** Below the service's endpoint; starts with a slash. Or a whole address that the service gave. */
  readonly path: string;
  /** Statuses other than 2xx that are an answer, not an error. */
  readonly expected?: readonly number[];
}

/** A cloud that was signed in to; dispose it when done. */
export interface CloudSession extends AsyncDisposable {
  readonly settings: CloudSettings;
  /** @throws {CloudError} `no-such-service` */
  endpoint(service: ServiceType): Promise<string>;
  /** The project that the token is for; undefined for a token of the whole system. */
  projectId(): Promise<string | undefined>;
  /** Whether the catalog has it, in this session's region. */
  offers(service: ServiceType): Promise<boolean>;
  /** Sends a request with the token, renewing an expired one.
   * @throws {CloudError} by cause when the answer is neither 2xx nor expected.
   */
  request(request: ServiceRequest): Promise<HttpAnswer>;
}

const tokenBody = z.looseObject({
  token: z.looseObject({
    project: z.looseObject({id: z.string()}).optional(),
    catalog: z
      .array(
        z.looseObject({
          type: z.string(),
          endpoints: z.array(z.looseObject({interface: z.string(), region: z.string().nullish(), url: z.string()})),
        }),
      )
      .default([]),
  }),
});

/** A token and what came with it. */
interface Grant {
  readonly token: string;
  readonly body: z.output<typeof tokenBody>['token'];
}

/** Opens a session; nothing is sent before the first request.
 * @throws {UsageError | HostError} `file-not-found`, `no-access` when the certificate authority's file can't be read.
 */
export async function openSession(settings: CloudSettings, world: World): Promise<CloudSession> {
  const http = new Http({
    service: `cloud "${settings.name}"`,
    verifyTls: settings.verifyTls,
    signal: world.signal,
    ...(settings.isLocal ? {} : {proxyEnv: world.env}),
    ...(settings.certificateAuthorityFile
      ? {certificateAuthority: await readAuthority(settings.certificateAuthorityFile)}
      : {}),
  });
  return new Session(settings, http);
}

class Session implements CloudSession {
  readonly settings: CloudSettings;
  readonly #http: Http;
  #grant: Promise<Grant> | undefined;

  constructor(settings: CloudSettings, http: Http) {
    this.settings = settings;
    this.#http = http;
  }

  async endpoint(service: ServiceType): Promise<string> {
    const {body} = await this.#signedIn();
    const {region, endpointInterface, name} = this.settings;
    const endpoints = body.catalog
      .filter((entry) => spellings[service].includes(entry.type))
      .flatMap((entry) => entry.endpoints)
      .filter((endpoint) => endpoint.interface === endpointInterface);
    const found = endpoints.find((endpoint) => !region || endpoint.region === region);
    if (found) return withoutVersion(service, found.url.replace(/\/+$/, ''));
    const regions = endpoints.map((endpoint) => endpoint.region ?? '');
    throw new CloudError('no-such-service', {
      cloud: name,
      service,
      region,
      known: body.catalog.map((e) => e.type),
      regions,
    });
  }

  async projectId(): Promise<string | undefined> {
    return (await this.#signedIn()).body.project?.id;
  }

  async offers(service: ServiceType): Promise<boolean> {
    try {
      await this.endpoint(service);
      return true;
    } catch (error) {
      if (error instanceof CloudError && error.code === 'no-such-service') return false;
      throw error;
    }
  }

  async request(request: ServiceRequest): Promise<HttpAnswer> {
    const {service, path, expected = [], ...rest} = request;
    const url = path.startsWith('/') ? `${await this.endpoint(service)}${path}` : path;
    const answer = await this.#sendSigned({...rest, url});
    if ((answer.status >= 200 && answer.status < 300) || expected.includes(answer.status)) return answer;
    throw refusal({...rest, url}, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #sendSigned(request: HttpRequest): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const {token} = await this.#signedIn();
      const answer = await this.#http.send({...request, headers: {...request.headers, 'x-auth-token': token}});
      if (answer.status !== 401 || attempt === 2) return answer;
      this.#grant = undefined; // expired or revoked: one new token, then the answer counts
    }
  }

  #signedIn(): Promise<Grant> {
    this.#grant ??= this.#signIn().catch((error: unknown) => {
      this.#grant = undefined;
      throw error;
    });
    return this.#grant;
  }

  async #signIn(): Promise<Grant> {
    const {authUrl, name} = this.settings;
    const request = {
      method: 'POST',
      url: `${authUrl}/auth/tokens`,
      json: tokenRequest(this.settings),
      isRepeatable: true,
    } as const;
    const answer = await this.#http.send(request);
    const token = answer.headers['x-subject-token'];
    const body = tokenBody.safeParse(answer.json);
    if (answer.status === 201 && typeof token === 'string' && body.success) return {token, body: body.data.token};
    if (answer.status >= 500) throw refusal(request, answer);
    const problem =
      answer.status === 401 || answer.status === 403
        ? reasonIn(answer)
        : `that is no Keystone (version 3): it answered ${answer.status}`;
    throw new CloudError('wrong-credentials', {cloud: name, url: authUrl, problem});
  }
}

const projectsBody = z.looseObject({projects: z.array(z.looseObject({id: z.string(), name: z.string()}))});

/** The id of a project, by its name or its id.
 * @throws {UsageError} `unknown-project`
 */
export async function findProject(session: CloudSession, nameOrId: string): Promise<string> {
  const projects = `${session.settings.authUrl}/projects`;
  const path = `${projects}?name=${encodeURIComponent(nameOrId)}`;
  const answer = await session.request({service: 'identity', method: 'GET', path});
  const [project, ...others] = answerAs(projectsBody, answer, 'GET', path).projects;
  if (project && others.length === 0) return project.id;
  const cloud = session.settings.name;
  if (project) {
    const problem = `${others.length + 1} projects, in several domains, have this name: give an id`;
    throw new UsageError('unknown-project', {project: nameOrId, cloud, problem});
  }
  const byId = `${projects}/${encodeURIComponent(nameOrId)}`;
  const shown = await session.request({service: 'identity', method: 'GET', path: byId, expected: [404]});
  if (shown.status !== 404) return nameOrId;
  throw new UsageError('unknown-project', {project: nameOrId, cloud, problem: 'there is none of this name or id'});
}

/** Catalogs name these two services with or without their version; their paths here have it. */
function withoutVersion(service: ServiceType, url: string): string {
  return service === 'image' || service === 'network' ? url.replace(/\/v2(\.0)?$/, '') : url;
}

/** The body of `POST /v3/auth/tokens`. Pure. */
export function tokenRequest(settings: CloudSettings): unknown {
  const {credentials} = settings;
  switch (credentials.kind) {
    case 'password':
      return {
        auth: {
          identity: {
            methods: ['password'],
            password: {user: {...userRef(credentials), password: credentials.password}},
          },
          ...scopeMember(credentials.scope),
        },
      };
    case 'application credential': {
      const {id, name, secret} = credentials;
      const reference = id ? {id} : {name, user: userRef(credentials)};
      return {auth: {identity: {methods: ['application_credential'], application_credential: {...reference, secret}}}};
    }
    case 'token':
      return {
        auth: {
          identity: {methods: ['token'], token: {id: credentials.token}},
          ...scopeMember(credentials.scope),
        },
      };
    default:
      return credentials satisfies never;
  }
}

function userRef(user: {userId?: string; userName?: string; domain: DomainRef}): object {
  return user.userId ? {id: user.userId} : {name: user.userName, domain: user.domain};
}

function scopeMember(scope: Scope | undefined): object {
  if (!scope) return {};
  return {scope: {project: scope.projectId ? {id: scope.projectId} : {name: scope.projectName, domain: scope.domain}}};
}

async function readAuthority(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path, what: 'cacert'});
    throw new HostError('no-access', {path, problem: systemErrorCode(error) ?? ''}, {cause: error});
  }
}
