import type {FileProblem, YamlText} from '../base/index.js';
import type {DatastoreDefinition} from './schema.js';

/** A named condition that a well-shaped catalogue file has to meet. */
export interface CatalogueRule {
  readonly name: string;
  check(definition: DatastoreDefinition, yaml: YamlText): FileProblem[];
}

export const catalogueRules: readonly CatalogueRule[] = [
  {
    name: 'file-is-named-after-the-datastore',
    check: (definition, yaml) =>
      yaml.path.endsWith(`/${definition.name}.yaml`)
        ? []
        : [
            yaml.problemAt(
              ['name'],
              `The file of datastore "${definition.name}" must be named "${definition.name}.yaml"`,
            ),
          ],
  },
  {
    name: 'versions-are-distinct',
    check: (definition, yaml) =>
      repeated(definition.versions.map((v) => v.version)).map((index) =>
        yaml.problemAt(
          ['versions', index, 'version'],
          `Version "${definition.versions[index]?.version}" is listed twice`,
        ),
      ),
  },
  {
    name: 'one-version-is-the-default',
    check: (definition, yaml) => {
      const defaults = definition.versions.filter((v) => v.default).length;
      return defaults === 1 ? [] : [yaml.problemAt(['versions'], `One version must be the default, not ${defaults}`)];
    },
  },
  {
    name: 'image-rows-are-distinct',
    check: (definition, yaml) =>
      definition.versions.flatMap((version, v) =>
        repeated(version.images.map((row) => `${row.series} ${row.distribution} ${row.release}`)).map((index) =>
          yaml.problemAt(['versions', v, 'images', index], 'Series, distribution and release are listed twice'),
        ),
      ),
  },
  {
    name: 'port-ranges-rise',
    check: (definition, yaml) =>
      definition.ports.flatMap((port, index) => {
        const [first = 0, last = 0] = String(port).split('-').map(Number);
        return String(port).includes('-') && !(first < last && last <= 65535)
          ? [yaml.problemAt(['ports', index], `Port range "${port}" must rise and end at 65535 at most`)]
          : [];
      }),
  },
];

/** Indexes of the values that were there before. */
function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}
