import type {DatastoreDefinition} from '../../datastore/index.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('catalog')
    .command('show')
    .description('all that the catalogue knows of a datastore')
    .argument('<datastore>', 'its name, for example mariadb')
    .action(
      cli.act(async (world, name: string) => {
        const {chooseVersion, readCatalogue} = await import('../../datastore/index.js');
        const {datastore} = chooseVersion(await readCatalogue(world.paths.home), name);
        return {value: datastore, text: textOf(datastore)};
      }),
    );
}

function textOf(datastore: DatastoreDefinition): string {
  const {minimum} = datastore;
  const rows: [string, string][] = [
    ['name', `${datastore.name}: ${datastore.summary}`],
    ['licence', datastore.licence],
    ['manager', datastore.manager],
    ['ports', datastore.ports.join(', ')],
    ['data', datastore.mountPoint],
    ['minimum', `disk ${minimum.diskGiB} GiB, memory ${minimum.ramMiB} MiB, volume ${minimum.volumeGiB} GiB`],
    ['tags', datastore.registration.tags.join(', ')],
    ...datastore.versions.flatMap((version): [string, string][] => [
      ['version', `${version.version}${version.default ? ' (default)' : ''}`],
      ['  runs', `container ${version.container.image}:${version.container.tag}`],
      ...version.images.map((row): [string, string] => [
        '  image',
        `${row.series}, ${row.distribution} ${row.release}, ${row.architectures.join(' ')}: ${row.proof}`,
      ]),
    ]),
  ];
  return rows.map(([label, text]) => `${label.padEnd(10)} ${text}`).join('\n');
}
