import type {PassportState} from '../../passport/index.js';
import {formatBytes} from '../../report/index.js';
import type {InspectedImage, InspectRequest} from '../../workflows/inspect-image.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('inspect')
    .description('what an image is: its manifest, who signed it, what is proven of it')
    .argument('<image>', 'a file, an image of the store by name or digest, or glance:NAME')
    .option(
      '--cloud <name>',
      'for glance:NAME, an entry of clouds.yaml (default: OS_CLOUD, else OS_AUTH_URL and friends)',
    )
    .option('--region <name>', 'a region of that cloud')
    .option('--passport <file>', 'the passport (default: the one beside the image)')
    .addHelpText('after', helpTail)
    .action(
      cli.actInNamespace(async (world, image: string, options: Omit<InspectRequest, 'image'>) => {
        const {inspectImage} = await import('../../workflows/inspect-image.js');
        const inspected = await inspectImage({...options, image}, world);
        const isRefused = inspected.passport.kind === 'bad';
        return {value: inspected, text: textOf(inspected), ...(isRefused ? {exitCode: 3} : {})};
      }),
    );
}

const helpTail = `
Exit code 3 when the passport is bad: changed after it was signed, or signed for other content.`;

function textOf({image, content, manifest, passport, bootProven, glance}: InspectedImage): string {
  const rows: [string, string][] = [
    ...(content ? [['sha256', content.sha256] as const, ['size', formatBytes(content.sizeBytes)] as const] : []),
    ...(glance ? [['cloud', `${glance.cloud}, ${glance.id}, ${glance.status}, ${glance.visibility}`] as const] : []),
    ...(glance?.digest ? [[glance.digest.algorithm, glance.digest.value] as const] : []),
    ...(manifest ? manifestRows(manifest) : []),
    ...(!manifest && content ? [['manifest', 'none: it does not say what it is'] as const] : []),
    ...passportRows(passport),
    [
      'boots',
      bootProven.length > 0 ? `seen on this machine by ${bootProven.join(' and ')}` : 'not seen on this machine',
    ],
  ].map(([label = '', value = '']) => [label, value]);
  return [image, ...rows.map(([label, value]) => `  ${label.padEnd(10)} ${value}`)].join('\n');
}

type Manifest = NonNullable<InspectedImage['manifest']>;

function manifestRows({datastore, version, distribution, release, series, architecture, ...rest}: Manifest) {
  return [
    ['serves', `${datastore} ${version}, series ${series}`],
    ['system', `${distribution} ${release}, ${architecture}`],
    ['elements', `${rest.elements.join(' ')} (${rest.elementsDigest.slice(0, 12)})`],
  ] as const;
}

function passportRows(state: PassportState): (readonly [string, string])[] {
  switch (state.kind) {
    case 'none':
      return [['passport', 'none: trovestack image sign FILE writes one']];
    case 'elsewhere':
      return [['passport', `said to be signed by ${state.keyId.slice(0, 12)}; --passport FILE proves it`]];
    case 'untrusted':
      return [['passport', `signed by ${state.keyId.slice(0, 12)}, a key that nobody here trusts`]];
    case 'bad':
      return [['passport', `BAD: ${state.problem}`]];
    case 'good': {
      const {runDetails} = state.statement.predicate;
      const {sound, errors, warnings, bootProven} = runDetails.trovestack_checks;
      return [
        [
          'passport',
          `good: signed by ${state.keyName} (${state.keyId.slice(0, 12)}) on ${runDetails.metadata.finishedOn}`,
        ],
        [
          'checks',
          `${sound ? 'sound' : 'UNSOUND'}: ${errors} errors, ${warnings} warnings; boot ${bootProven.join(', ') || 'not proven'} when signed`,
        ],
      ];
    }
    default:
      return state satisfies never;
  }
}
