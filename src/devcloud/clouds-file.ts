import {chmod, rm} from 'node:fs/promises';
import {isMap, parseDocument} from 'yaml';
import {lockFile, parseYaml, readFileIfThere, UsageError, writeFileWhole} from '../base/index.js';
import type {CloudSettings} from './profile.js';

/** A devcloud's entry in clouds.yaml, for its administrator. */
export function cloudEntry(settings: Pick<CloudSettings, 'address' | 'secrets' | 'series'>): object {
  return {
    auth: {
      auth_url: `http://${settings.address}:5000/v3`,
      username: 'admin',
      password: settings.secrets.admin,
      project_name: 'admin',
      user_domain_id: 'default',
      project_domain_id: 'default',
    },
    region_name: 'RegionOne',
    interface: 'public',
    identity_api_version: 3,
    trove_series: settings.series.name,
  };
}

/** Puts an entry into a clouds.yaml, or takes it out with `undefined`. Other entries and comments stay; a file with nothing
 * else in it goes. Only its owner may read it. Devclouds that come and go at once wait for each other.
 * @throws {UsageError} `unreadable-file` when there is one that isn't YAML.
 */
export async function setCloudEntry(path: string, name: string, entry: object | undefined, signal?: AbortSignal) {
  await using _lock = await lockFile(`${path}.lock`, {what: `"${path}"`, ...(signal ? {signal} : {})});
  const before = (await readFileIfThere(path)) ?? '';
  const document = parseDocument(before);
  const problems = await problemsIn(path, before);
  if (problems.length || !(document.contents === null || isMap(document.contents))) {
    throw new UsageError('unreadable-file', {
      path,
      what: 'clouds file',
      problems: problems.length ? problems : ['it is not a mapping'],
    });
  }
  if (entry) {
    document.setIn(['clouds', name], document.createNode(entry));
  } else {
    if (!document.hasIn(['clouds', name])) return;
    document.deleteIn(['clouds', name]);
    if (Object.keys(document.toJS().clouds).length === 0 && Object.keys(document.toJS()).length === 1) {
      await rm(path);
      return;
    }
  }
  await writeFileWhole(path, document.toString(), 0o600);
  await chmod(path, 0o600);
}

/** What is wrong with it, without quoting from it: it holds passwords. */
async function problemsIn(path: string, text: string): Promise<string[]> {
  const {problems} = await parseYaml(path, text, text.replace(/\S/g, '*'));
  return problems.map(({line, message}) => `line ${line}: ${message}`);
}
