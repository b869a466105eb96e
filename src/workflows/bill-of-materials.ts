import {describeEnd, lastLines, readFileWithin, StepError} from '../base/index.js';
import {uuidFrom} from '../disk/index.js';
import type {Element} from '../element/index.js';
import type {GuestDefinition} from '../image/index.js';
import {type BilledPackage, type BillOfMaterials, billPackages, renderSbom, sbomEndings} from '../inspection/index.js';
import {enter} from '../sandbox/index.js';
import {guestManifestBase} from './image-manifest.js';
import type {StepContext, TreeSoFar} from './run-step.js';

/** Raised when bills come to be written differently. */
export const billForm = '2';

/** Where a guest image has its own bills of materials, by their endings. */
function pathInside(ending: (typeof sbomEndings)[number]): string {
  return `/etc/trovestack/sbom.${ending}`;
}

/** The bills of materials of a guest, by their paths in it. Nothing in them depends on who built it, where or when.
 * @param tree The guest's, as it is when its last package is there.
 * @param container The tree of the container that it carries.
 * @throws {StepError} `step-failed`
 */
export async function billsOfMaterials(
  definition: GuestDefinition,
  elements: readonly Element[],
  tree: TreeSoFar,
  container: TreeSoFar,
  context: StepContext,
): Promise<Readonly<Record<string, string>>> {
  const {purpose, name} = definition;
  const {settings} = purpose.container;
  const bill: BillOfMaterials = {
    name,
    version: purpose.version,
    description: `Guest image of OpenStack Trove ${purpose.series} for ${purpose.datastore} ${purpose.version} on ${purpose.distribution} ${purpose.release}`,
    epoch: tree.epoch,
    elements: elements.map((element) => element.name),
    elementsDigest: guestManifestBase(definition, elements).elementsDigest,
    packages: await packagesOf(tree, context),
    container: {name: settings.image, version: settings.tag, packages: await packagesOf(container, context)},
  };
  const texts = renderSbom(bill, uuidFrom);
  return Object.fromEntries(sbomEndings.map((ending) => [pathInside(ending), texts[ending]]));
}

const separator = '%% trovestack %%';

/** The package manager's records, and the lines of copyright files that name licences. */
const collect = `set -eu
cd /tmp/tree
cat var/lib/dpkg/status
echo '${separator}'
grep -Hs -E '^[[:space:]]*(Format|License):' usr/share/doc/*/copyright | sort -u
echo '${separator}'
cat usr/lib/os-release 2> /dev/null || true
`;

async function packagesOf(tree: TreeSoFar, {workshop, tools, world, image}: StepContext): Promise<BilledPackage[]> {
  const outcome = await enter(
    {
      name: 'bill',
      root: tools.tree,
      mounts: [{kind: 'tree', at: '/tmp/tree', tree: {layers: tree.layers, changes: 'none'}}],
      network: 'none',
      ids: 'mapped',
      env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'},
      cwd: '/',
      argv: ['sh', '-c', collect],
    },
    workshop.sandboxes,
    {signal: world.signal},
  );
  if (outcome.exitCode !== 0) {
    const output = lastLines(outcome.stderr, 5);
    throw new StepError('step-failed', {
      image,
      step: 'engine/manifest',
      outcome: describeEnd(outcome),
      log: 'none',
      output,
    });
  }
  const [status = '', licences = '', osRelease = ''] = outcome.stdout.split(`${separator}\n`);
  return billPackages(status, licences, osRelease);
}

/** The bills that a finished tree has in it, by the names that they have beside an image in the store. Where a later hook
 * put a link, or no file at all, in a bill's place, that is no bill: the one that the engine wrote is taken.
 * @param layers The tree's, the topmost first.
 */
export async function readBills(layers: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const ending of sbomEndings) {
    const layerTexts = await Promise.all(layers.map((layer) => readFileWithin(layer, pathInside(ending))));
    const text = layerTexts.find((candidate) => candidate !== undefined);
    if (text !== undefined) found[billName(ending)] = text;
  }
  return found;
}

/** A bill's name in an image's folder of the store. */
export function billName(ending: (typeof sbomEndings)[number]): string {
  return `sbom.${ending}`;
}
