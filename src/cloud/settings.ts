import {type Environment, UsageError} from '../base/index.js';

/** A project (or nothing) that a token is for. */
export interface Scope {
  readonly projectId?: string;
  readonly projectName?: string;
  readonly domain: DomainRef;
}

export type DomainRef = {readonly id: string} | {readonly name: string};

/** How to prove who we are to Keystone. */
export type Credentials =
  | {
      readonly kind: 'password';
      readonly userId?: string;
      readonly userName?: string;
      readonly domain: DomainRef;
      readonly password: string;
      readonly scope?: Scope;
    }
  | {
      readonly kind: 'application credential';
      readonly id?: string;
      readonly name?: string;
      readonly userId?: string;
      readonly userName?: string;
      readonly domain: DomainRef;
      readonly secret: string;
    }
  | {readonly kind: 'token'; readonly token: string; readonly scope?: Scope};

/** All that is needed to talk to a cloud. */
export interface CloudSettings {
  readonly name: string;
  /** Keystone's version 3 address, without a slash at the end. */
  readonly authUrl: string;
  readonly credentials: Credentials;
  readonly region?: string;
  readonly endpointInterface: 'public' | 'internal' | 'admin';
  readonly verifyTls: boolean;
  readonly certificateAuthorityFile?: string;
  /** A devcloud of this machine is talked to directly, whatever `http_proxy` says. */
  readonly isLocal: boolean;
  /** OpenStack series of its Trove, as whoever wrote the entry says: no service of OpenStack tells it. */
  readonly troveSeries?: string;
}

/** A cloud as clouds.yaml or OS_* spell it. */
export interface WrittenCloud {
  readonly auth_type?: string | undefined;
  readonly auth?: Readonly<Record<string, string | undefined>> | undefined;
  readonly region_name?: string | undefined;
  readonly interface?: string | undefined;
  readonly endpoint_type?: string | undefined;
  readonly verify?: boolean | undefined;
  readonly insecure?: boolean | undefined;
  readonly cacert?: string | undefined;
  /** Ours: OpenStack's clients pass over members that they don't know. */
  readonly trove_series?: string | undefined;
}

/** A cloud's settings in one form, whichever way they were written. Pure.
 * @throws {UsageError} `incomplete-cloud` with all that is missing.
 */
export function settingsFrom(name: string, source: string, written: WrittenCloud, isLocal = false): CloudSettings {
  const auth = written.auth ?? {};
  const problems: string[] = [];
  if (!auth.auth_url) problems.push('auth_url is missing');
  else if (!URL.canParse(auth.auth_url)) problems.push(`auth_url "${auth.auth_url}" is no address`);
  const endpointInterface = (written.interface ?? written.endpoint_type ?? 'public').replace(/URL$/, '');
  if (!isInterface(endpointInterface))
    problems.push(`interface "${endpointInterface}" is not public, internal or admin`);
  const credentials = credentialsFrom(written, auth, problems);
  if (problems.length || !credentials || !auth.auth_url || !isInterface(endpointInterface)) {
    throw new UsageError('incomplete-cloud', {cloud: name, source, problems});
  }
  return {
    name,
    authUrl: versionThree(auth.auth_url),
    credentials,
    endpointInterface,
    verifyTls: written.verify !== false && written.insecure !== true,
    isLocal,
    ...(written.region_name ? {region: written.region_name} : {}),
    ...(written.cacert ? {certificateAuthorityFile: written.cacert} : {}),
    ...(written.trove_series ? {troveSeries: written.trove_series.toLowerCase()} : {}),
  };
}

/** The cloud that OS_* variables describe. */
export function writtenFromEnvironment(env: Environment): WrittenCloud {
  const auth = Object.fromEntries(authVariables.map((name) => [name, env[`OS_${name.toUpperCase()}`] || undefined]));
  return {
    auth: {...auth, project_name: auth.project_name ?? (env.OS_TENANT_NAME || undefined)},
    auth_type: env.OS_AUTH_TYPE || undefined,
    region_name: env.OS_REGION_NAME || undefined,
    interface: env.OS_INTERFACE || env.OS_ENDPOINT_TYPE || undefined,
    cacert: env.OS_CACERT || undefined,
    trove_series: env.TROVESTACK_TROVE_SERIES || undefined,
    insecure: /^(1|true|yes)$/i.test(env.OS_INSECURE ?? ''),
  };
}

const authVariables = [
  'auth_url',
  'username',
  'user_id',
  'password',
  'user_domain_name',
  'user_domain_id',
  'project_name',
  'project_id',
  'project_domain_name',
  'project_domain_id',
  'default_domain',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
  'token',
] as const;

type WrittenAuth = Readonly<Record<string, string | undefined>>;

function credentialsFrom(written: WrittenCloud, auth: WrittenAuth, problems: string[]): Credentials | undefined {
  const type = (written.auth_type ?? guessedType(auth)).replace(/^v3/, '').replaceAll('_', '');
  const user = {
    domain: domainFrom(auth, 'user_domain'),
    ...(auth.user_id ? {userId: auth.user_id} : {}),
    ...(auth.username ? {userName: auth.username} : {}),
  };
  const need = (isThere: unknown, what: string) => isThere || problems.push(`${what} is missing`);
  switch (type) {
    case 'password':
      need(auth.username || auth.user_id, 'username');
      need(auth.password, 'password');
      return {kind: 'password', ...user, password: auth.password ?? '', ...scopeFrom(auth)};
    case 'applicationcredential':
      need(auth.application_credential_secret, 'application_credential_secret');
      need(
        auth.application_credential_id || (auth.application_credential_name && (auth.username || auth.user_id)),
        'application_credential_id (or its name with the user)',
      );
      return {
        kind: 'application credential',
        ...user,
        secret: auth.application_credential_secret ?? '',
        ...(auth.application_credential_id ? {id: auth.application_credential_id} : {}),
        ...(auth.application_credential_name ? {name: auth.application_credential_name} : {}),
      };
    case 'token':
      need(auth.token, 'token');
      return {kind: 'token', token: auth.token ?? '', ...scopeFrom(auth)};
    default:
      problems.push(`auth_type "${written.auth_type}" is not password, v3applicationcredential or token`);
      return undefined;
  }
}

function guessedType(auth: WrittenAuth): string {
  if (auth.application_credential_secret) return 'applicationcredential';
  return auth.token && !auth.password ? 'token' : 'password';
}

function domainFrom(auth: WrittenAuth, prefix: 'user_domain' | 'project_domain'): DomainRef {
  const name = auth[`${prefix}_name`] ?? auth.domain_name;
  return name ? {name} : {id: auth[`${prefix}_id`] ?? auth.domain_id ?? auth.default_domain ?? 'default'};
}

function scopeFrom(auth: WrittenAuth): {scope?: Scope} {
  if (!auth.project_id && !auth.project_name) return {};
  return {
    scope: {
      domain: domainFrom(auth, 'project_domain'),
      ...(auth.project_id ? {projectId: auth.project_id} : {}),
      ...(auth.project_name ? {projectName: auth.project_name} : {}),
    },
  };
}

function isInterface(text: string): text is CloudSettings['endpointInterface'] {
  return ['public', 'internal', 'admin'].includes(text);
}

/** Keystone's address is written with or without its version, and with or without a slash. */
function versionThree(url: string): string {
  const plain = url.replace(/\/+$/, '').replace(/\/v2\.0$/, '');
  return plain.endsWith('/v3') ? plain : `${plain}/v3`;
}
