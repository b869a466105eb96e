import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('catalog')
    .command('list')
    .description('datastores and versions that images can be built for')
    .action(
      cli.act(async (world) => {
        const {readCatalogue} = await import('../../datastore/index.js');
        const rows = [...(await readCatalogue(world.paths.home)).values()].flatMap((datastore) =>
          datastore.versions.flatMap((version) =>
            version.images.map((image) => ({
              name: `${datastore.name}:${version.version}`,
              isDefault: version.default,
              series: image.series,
              distribution: image.distribution,
              release: image.release,
              architectures: image.architectures,
              proof: image.proof,
            })),
          ),
        );
        const lines = rows.map((row) =>
          [row.name.padEnd(18), row.series.padEnd(8), `${row.distribution} ${row.release}`.padEnd(16), row.proof].join(
            ' ',
          ),
        );
        return {value: rows, text: lines.join('\n')};
      }),
    );
}
