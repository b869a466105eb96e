import {z} from 'zod';
import {parseShape, parseYaml} from '../base/index.js';
import type {Phase} from './element.js';

/** The one schema of an element's `element.yaml`, which is ours: elements without it are read as diskimage-builder does. */
export const elementFileSchema = z.strictObject({
  network: z
    .enum(['none', 'full'])
    .optional()
    .describe(
      "Whether the element's hooks reach the network. Without it those of root.d to post-install.d do, and those of later phases don't",
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

/** Whether an element's hooks of a phase reach the network. */
export function reachesNetwork(settings: ElementSettings | undefined, phase: Phase): boolean {
  return settings?.network === undefined ? fetchingPhases.has(phase) : settings.network === 'full';
}
