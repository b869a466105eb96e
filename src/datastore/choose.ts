import {nearestNames, UsageError} from '../base/index.js';
import type {Catalogue} from './read.js';
import type {DatastoreDefinition, DatastoreVersion} from './schema.js';

export interface ChosenVersion {
  readonly datastore: DatastoreDefinition;
  readonly version: DatastoreVersion;
}

/** The tags in Glance that images for one version have, and no others. */
export function selectTags({name, registration}: DatastoreDefinition, version: string): readonly string[] {
  return [...registration.tags, `${name}-${version}`];
}

/** Splits `mariadb:11.8` or `mariadb`. */
function parseDatastoreName(text: string): {readonly name: string; readonly version?: string} {
  const [name = '', ...version] = text.split(':');
  return version.length ? {name, version: version.join(':')} : {name};
}

/** The datastore and version that `mariadb:11.8` names; without a version the default one.
 * @throws {UsageError} `unknown-datastore`, `unknown-version`
 */
export function chooseVersion(catalogue: Catalogue, text: string): ChosenVersion {
  const {name, version: wanted} = parseDatastoreName(text);
  const datastore = catalogue.get(name);
  if (!datastore) {
    const known = [...catalogue.keys()];
    throw new UsageError('unknown-datastore', {name, nearest: nearestNames(name, known), known});
  }
  const version = datastore.versions.find((v) => (wanted === undefined ? v.default : v.version === wanted));
  if (!version) {
    const known = datastore.versions.map((v) => v.version);
    throw new UsageError('unknown-version', {datastore: name, version: wanted ?? '', known});
  }
  return {datastore, version};
}

/** What to build for a cloud of a series, as `mariadb:11.8`: the version that is named where there are images of it for the series,
 * else one that there are images of, else the one that is named. Pure.
 * @param series Undefined where nothing tells it.
 */
export function buildableVersion(
  {name, versions}: DatastoreDefinition,
  wanted: string,
  series: string | undefined,
): string {
  const fitting = versions.filter(({images}) => images.some((image) => image.series === series));
  const chosen = fitting.find(({version}) => version === wanted) ?? fitting.find((one) => one.default) ?? fitting[0];
  return `${name}:${chosen?.version ?? wanted}`;
}
