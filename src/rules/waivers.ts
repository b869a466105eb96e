import {z} from 'zod';
import {nearestNames, parseShape, parseYaml, throwProblems} from '../base/index.js';
import {rules} from './catalogue.js';

const waiver = z
  .strictObject({
    rule: z.string().regex(/^[a-z-]+\.[a-z-]+$/, 'Must be the id of a rule: trovestack image verify --rules'),
    path: z
      .string()
      .startsWith('/')
      .optional()
      .describe('The one path that it is for; all findings of the rule otherwise'),
    reason: z.string().min(10, 'Must say why in at least ten characters'),
    expires: z.iso.date().describe('The last day that it holds, YYYY-MM-DD'),
  })
  .describe('Findings that may stay for a while');

/** The one schema of a file of waivers; type, JSON Schema and reference page come from it. */
export const waiversSchema = z.strictObject({waivers: z.array(waiver)});

export type Waiver = z.output<typeof waiver>;

/** @throws {UsageError} `invalid-file` with the place of every problem. */
export async function parseWaivers(path: string, text: string): Promise<readonly Waiver[]> {
  const yaml = await parseYaml(path, text);
  const {waivers} = parseShape('file of waivers', yaml, waiversSchema);
  const ids = rules.map(({id}) => id);
  const unknown = waivers.flatMap(({rule}, index) => {
    if (ids.includes(rule)) return [];
    const [nearest] = nearestNames(rule, ids, 1);
    const message = `There is no rule "${rule}"${nearest === undefined ? '' : `; the nearest is "${nearest}"`}`;
    return [yaml.problemAt(['waivers', index, 'rule'], message)];
  });
  throwProblems('file of waivers', yaml, unknown);
  return waivers;
}
