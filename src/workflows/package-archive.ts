import {Bug} from '../base/index.js';
import type {Step} from '../plan/index.js';
import {runInTree, type StepContext, type TreeSoFar} from './run-step.js';

/** Prints the InRelease file of each suite. Arguments: their addresses. */
const script = `set -eu
for url in "$@"; do
  /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$url" /tmp/InRelease 1>&2
  cat /tmp/InRelease
  rm /tmp/InRelease
done
`;

/** The date of the newest suite of the package archive: no file of its packages is newer. Where no archive is known, that of
 * the build, which is kept with the step.
 * @param sources Lines as in sources.list.
 * @returns Seconds since 1970.
 */
export async function packageArchiveDate(
  step: Step,
  sources: readonly string[],
  tree: TreeSoFar,
  staged: string,
  context: StepContext,
): Promise<number> {
  if (sources.length === 0) return Math.floor(Date.now() / 1000);
  const addresses = sources.map(inReleaseAddress);
  const text = await runInTree(step, ['sh', '-c', script, 'dates', ...addresses], tree, staged, context);
  const dates = [...text.matchAll(/^Date: (.+)$/gm)].map(([, date = '']) => Date.parse(date) / 1000);
  if (dates.length < addresses.length || dates.some(Number.isNaN)) throw new Bug('archive-without-date', {addresses});
  return Math.max(...dates);
}

/** `deb URI SUITE COMPONENT…` → the address of the suite's signed index. */
function inReleaseAddress(source: string): string {
  const [, uri = '', suite = ''] = source.split(' ');
  return `${uri.replace(/\/$/, '')}/dists/${suite}/InRelease`;
}
