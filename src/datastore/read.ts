import {readdir, readFile} from 'node:fs/promises';
import {compareCodePoints, parseShape, parseYaml, systemErrorCode, throwProblems, UsageError} from '../base/index.js';
import {catalogueRules} from './rules.js';
import {type DatastoreDefinition, datastoreSchema} from './schema.js';

/** All datastores we know, by name. */
export type Catalogue = ReadonlyMap<string, DatastoreDefinition>;

/** Reads `datastores/*.yaml` below the program's home.
 * @throws {UsageError} `invalid-file` with all problems of the first file that has some.
 */
export async function readCatalogue(home: string): Promise<Catalogue> {
  const folder = `${home}/datastores`;
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort(compareCodePoints);
  const definitions = await Promise.all(files.map((file) => readDatastore(`${folder}/${file}`)));
  return new Map(definitions.map((definition) => [definition.name, definition]));
}

/** Reads one catalogue file: positions, shape and defaults, then the named rules.
 * @throws {UsageError} `invalid-file`, `file-not-found`
 */
export async function readDatastore(path: string): Promise<DatastoreDefinition> {
  return parseDatastore(path, await readText(path));
}

export async function parseDatastore(path: string, text: string): Promise<DatastoreDefinition> {
  const yaml = await parseYaml(path, text);
  const definition = parseShape('datastore', yaml, datastoreSchema);
  throwProblems(
    'datastore',
    yaml,
    catalogueRules.flatMap((rule) => rule.check(definition, yaml)),
  );
  return definition;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path, what: 'datastore'});
    throw error;
  }
}
