import {type IniSections, renderIni} from '../ini.js';
import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';

/** Where Keystone answers the other services, which share its namespace. */
export const identityUrl = 'http://127.0.0.1:5000/v3';

/** A service's database. MariaDB knows the service by its user on the socket, so there is no password. */
export function databaseUrl(user: string, database = user): string {
  return `mysql+pymysql://${user}@localhost/${database}?unix_socket=/run/mysqld/mysqld.sock&charset=utf8`;
}

/** oslo.messaging's transport as seen from `host`. Profile `api` has nobody to talk to. */
export function transportUrl(settings: CloudSettings, host = '127.0.0.1'): string {
  return settings.profile === 'api' ? 'fake:/' : `rabbit://trovestack:${settings.secrets.messaging}@${host}:5672/`;
}

/** A service user's way to Keystone: the options of keystonemiddleware and keystoneauth. */
export function serviceCredentials(user: string, settings: CloudSettings, url = identityUrl): IniSections[string] {
  return {
    www_authenticate_uri: `http://${settings.address}:5000/v3`,
    auth_url: url,
    auth_type: 'password',
    project_domain_name: 'Default',
    user_domain_name: 'Default',
    project_name: 'service',
    username: user,
    password: settings.secrets.service,
    region_name: 'RegionOne',
  };
}

/** A configuration file that its service may read and nobody else. */
export function serviceFile(service: string, path: string, sections: IniSections): InnerFile {
  return {path, owner: `root:${service}`, mode: '0640', text: renderIni(sections)};
}
