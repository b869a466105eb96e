import type {CloudImages, ImageStatus, VersionStatus} from '../../workflows/image-status.js';
import type {Cli} from '../cli.js';

interface Options {
  readonly cloud?: string;
  readonly region?: string;
}

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('status')
    .description('what a cloud serves, what was loaded into it, what runs from which image, and where they drift apart')
    .argument('[datastore]', 'only this one')
    .option('--cloud <name>', 'an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)')
    .option('--region <name>', 'a region of that cloud')
    .action(
      cli.act(async (world, datastore: string | undefined, options: Options) => {
        const {imageStatus} = await import('../../workflows/image-status.js');
        const value = await imageStatus({...options, datastore}, world);
        return {value, text: textOf(value)};
      }),
    );
}

function textOf({cloud, versions, others, drift}: CloudImages): string {
  return [
    `cloud ${cloud}: ${versions.length === 0 ? 'no datastore version is registered' : ''}`.trimEnd(),
    ...versions.flatMap(versionLines),
    ...others.map((image) => `  ${image.isRolledBack ? 'rolled back' : 'not serving'}  ${imageLine(image)}`),
    ...drift.map((text) => `  drift        ${text}`),
  ].join('\n');
}

function versionLines(version: VersionStatus): string[] {
  const {datastore, isActive, isDefault, findsImageBy, parameters, image, rollback} = version;
  const state = [isActive ? 'active' : 'inactive', ...(isDefault ? ['default'] : []), `${parameters} parameters`];
  return [
    `  ${datastore} ${version.version}: ${state.join(', ')}`,
    `    image (by ${findsImageBy})  ${image ? imageLine(image) : 'none'}`,
    ...(rollback?.imageId ? [`    rollback to    ${rollback.imageId}`] : []),
  ];
}

function imageLine({name, id, status, usedBy}: ImageStatus): string {
  const use = usedBy === undefined ? '' : usedBy.length === 0 ? ', no server' : `, ${usedBy.length} servers`;
  return `${name} (${id}), ${status}${use}`;
}
