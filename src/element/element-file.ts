import {z} from 'zod';
import {parseShape, parseYaml} from '../base/index.js';
import type {Phase} from './element.js';

/** The one schema of an element's `element.yaml`, which is ours: elements without it are read as diskimage-builder does. */
export const elementFileSchema = z.strictObject({
  network: z
    .enum(['none', 'packages', 'full'])
    .optional()
    .describe(
      "What the element's hooks reach: nothing, the package archive alone, the network. Without it those of root.d to post-install.d reach the network, and those of later phases nothing; these don't need packages either",
    ),
});

export type ElementSettings = z.output<typeof elementFileSchema>;

/** Parses an element's `element.yaml`.
 * @throws {UsageError} `invalid-file`
 */
export async function parseElementFile(path: string, text: string): Promise<ElementSettings> {
  return parseShape('element', await parseYaml(path, text), elementFileSchema);
}

/** Phases that fetch; what comes later tidies up and finishes. */
const fetchingPhases: ReadonlySet<Phase> = new Set([
  'root.d',
  'extra-data.d',
  'pre-install.d',
  'install.d',
  'post-install.d',
]);

/** What hooks and other steps reach: nothing; packages, which they are lent without a network of their own; the machine's network,
 * and packages. */
export type Reach = 'none' | 'packages' | 'full';

/** What an element's hooks of a phase reach. */
export function reachOf(settings: ElementSettings | undefined, phase: Phase): Reach {
  const asked = settings?.network;
  if (asked === 'none' || asked === 'full') return asked;
  return fetchingPhases.has(phase) ? (asked ?? 'full') : 'none';
}
