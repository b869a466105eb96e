import type {Command} from 'commander';
import type {Visibility} from '../../cloud/index.js';
import type {LoadFormat} from '../../workflows/choose-format.js';
import type {LoadedImageResult} from '../../workflows/load-image.js';
import type {TargetOutcome} from '../../workflows/load-images.js';
import {
  addCanaryOptions,
  addGateOptions,
  type CanaryOptions,
  canaryChoice,
  type GateOptions,
} from '../activation-options.js';
import type {Answer, Cli} from '../cli.js';

interface Options extends CanaryOptions, GateOptions {
  readonly cloud: readonly string[];
  readonly region: readonly string[];
  readonly datastore?: string;
  readonly validationRules?: string;
  readonly name?: string;
  readonly visibility?: Visibility;
  readonly shareWith?: string;
  readonly select?: 'id' | 'tags';
  readonly format?: LoadFormat;
  readonly fromUrl?: string;
  readonly activate?: boolean;
  readonly dryRun?: boolean;
}

export function register(cli: Cli): void {
  const command = cli.noun('image').command('load');
  addOptions(command).action(
    cli.act(async (world, file: string, options: Options) => {
      const {cloud: clouds, region: regions, ...more} = options;
      const request = {...more, file, canary: canaryChoice(options)};
      const targets = (clouds.length ? clouds : [undefined]).flatMap((cloud) =>
        (regions.length ? regions : [undefined]).map((region) => ({cloud, region})),
      );
      if (targets.length === 1) {
        const {loadImage} = await import('../../workflows/load-image.js');
        const result = await loadImage({...request, ...targets[0]}, world);
        return {value: result, text: textOf(result)};
      }
      const {loadIntoClouds} = await import('../../workflows/load-images.js');
      return await summaryOf(await loadIntoClouds(request, targets, world));
    }),
  );
}

function addOptions(command: Command): Command {
  command
    .description('upload an image into clouds and register its datastore version, inactive')
    .argument('<file>', 'disk image, qcow2 or raw')
    .option(
      '--cloud <name>',
      'an entry of clouds.yaml, may be repeated (default: OS_CLOUD, else OS_AUTH_URL and friends)',
      collect,
      [],
    )
    .option('--region <name>', 'a region of these clouds, may be repeated', collect, [])
    .option('--datastore <name:version>', "what it is for (default: what the image's manifest says)")
    .option('--validation-rules <file>', "Trove's validation-rules.json (default: the image's manifest has them)")
    .option('--name <name>', "the image's name in Glance (default: made from what it is)")
    .addOption(
      command
        .createOption(
          '--visibility <who>',
          'who may see the image (default: private; one that is there stays as it is)',
        )
        .choices(['private', 'shared', 'community', 'public']),
    )
    .option('--share-with <project>', "let a project see it, by name or id: the one of Trove's servers, say")
    .addOption(
      command
        .createOption('--select <how>', 'how the version finds its image once it is activated (default: id)')
        .choices(['id', 'tags']),
    )
    .addOption(
      command
        .createOption('--format <form>', 'qcow2, raw, or what the cloud keeps best, where it tells (default: auto)')
        .choices(['auto', 'qcow2', 'raw']),
    )
    .option('--from-url <url>', 'Glance fetches the image there by itself; the file says what it has to be')
    .option('--activate', 'also make the version active and the default')
    .option('--dry-run', 'only say what would be done');
  return addCanaryOptions(addGateOptions(command));
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function textOf(result: LoadedImageResult): string {
  const {cloud, image, registration, parameters, selection} = result;
  const name = `${result.datastore} ${result.version}`;
  if (result.isDryRun) {
    return result.isChanged
      ? `nothing was changed: cloud ${cloud} would be, as told above`
      : `cloud ${cloud} has ${name} as wanted`;
  }
  const count = parameters.created + parameters.updated + parameters.kept;
  const state = registration.isActive ? (registration.isDefault ? 'active, default' : 'active') : 'inactive';
  const isServing = registration.isActive && registration.isDefault && servesWith(result);
  const activate = `trovestack image activate ${result.datastore}:${result.version} --cloud ${cloud} --image ${image.id}`;
  return [
    result.isChanged ? `cloud ${cloud} has ${name}` : `cloud ${cloud} had ${name} as wanted: nothing was changed`,
    `  image       ${image.name} (${image.id})`,
    `  version     ${state} (${registration.id})`,
    `  parameters  ${count}`,
    ...(selection
      ? [`  by tags     ${selection.tags.join(', ')}: ${selection.before} before, ${selection.after} now`]
      : []),
    ...(isServing ? [] : [`  next        ${activate}`]),
  ].join('\n');
}

function servesWith({registration, image, selection}: LoadedImageResult): boolean {
  return (registration.imageId ?? selection?.after) === image.id;
}

/** One line for each cloud; the exit code is the worst of them. */
async function summaryOf(outcomes: readonly TargetOutcome[]): Promise<Answer> {
  const {renderError} = await import('../../report/index.js');
  const told = outcomes.map((outcome) => {
    const {cloud, region} = outcome;
    const where = region === undefined ? {cloud} : {cloud, region};
    if (outcome.kind === 'loaded') {
      return {exitCode: 0, value: {...where, result: outcome.result}, text: textOf(outcome.result)};
    }
    const {text, value, exitCode} = renderError(outcome.error, {color: false, stack: false});
    return {
      exitCode,
      value: {...where, error: value},
      text: `cloud ${cloud} failed\n  ${text.replaceAll('\n', '\n  ')}`,
    };
  });
  return {
    value: {clouds: told.map(({value}) => value)},
    text: told.map(({text}) => text).join('\n'),
    exitCode: Math.max(...told.map(({exitCode}) => exitCode)),
  };
}
