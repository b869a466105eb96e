import {z} from 'zod';
import {parseJson} from '../base/index.js';

/** A setting of the database that Trove lets users change, and what it checks. */
export interface ConfigurationParameter {
  readonly name: string;
  readonly type: string;
  readonly isRestartRequired: boolean;
  /** Bounds of an integer; they reach 2^64−1. */
  readonly min?: bigint;
  readonly max?: bigint;
}

export type ParameterDecision =
  | {readonly kind: 'create' | 'update'; readonly parameter: ConfigurationParameter; readonly reason: string}
  | {readonly kind: 'keep'; readonly parameter: ConfigurationParameter};

const bound = z.union([z.number(), z.bigint()]).nullish();

/** Trove's `validation-rules.json`; the bounds are spelt `min`/`max` in files and `min_size`/`max_size` in its API. */
const rulesFile = z.looseObject({
  'configuration-parameters': z.array(
    z.looseObject({
      name: z.string().min(1),
      type: z.enum(['integer', 'string', 'boolean', 'float', 'list']),
      restart_required: z.union([z.boolean(), z.number()]).transform(Boolean),
      min: bound,
      max: bound,
      min_size: bound,
      max_size: bound,
    }),
  ),
});

/** Parses the text of a `validation-rules.json`. Pure.
 * @returns The parameters, or what is wrong with the text.
 */
export function parseValidationRules(text: string): readonly ConfigurationParameter[] | string {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return validationRulesFrom(json);
}

/** The same from a value that was parsed with exact integers. */
export function validationRulesFrom(json: unknown): readonly ConfigurationParameter[] | string {
  const result = rulesFile.safeParse(json);
  if (!result.success) return z.prettifyError(result.error);
  return result.data['configuration-parameters'].map((rule) => ({
    name: rule.name,
    type: rule.type,
    isRestartRequired: rule.restart_required,
    ...(rule.type === 'integer' ? bounds(rule.min ?? rule.min_size, rule.max ?? rule.max_size) : {}),
  }));
}

/** The form in which Trove's API takes a parameter. It knows the types integer and string alone (Ocata to 2025.1), so that
 * others become strings, and demands both bounds of an integer, so that absent ones become the widest that databases have.
 */
export function registrableParameter(rule: ConfigurationParameter): ConfigurationParameter {
  if (rule.type !== 'integer') return {...rule, type: 'string'};
  return {...rule, min: rule.min ?? -(2n ** 63n), max: rule.max ?? 2n ** 64n - 1n};
}

/** What has to be done so that Trove checks by these rules. Parameters that the rules don't know are left alone. Pure. */
export function planParameters(
  rules: readonly ConfigurationParameter[],
  registered: readonly ConfigurationParameter[],
): ParameterDecision[] {
  const known = new Map(registered.map((parameter) => [parameter.name, parameter]));
  return rules.map((rule) => {
    const parameter = registrableParameter(rule);
    const found = known.get(rule.name);
    if (!found) return {kind: 'create', parameter, reason: `not registered${typeNote(rule, parameter)}`};
    // trove-manage, unlike the API, can register the rule's own type and leave bounds open.
    const differences = [rule, parameter].map((wanted) => differingMembers(wanted, found));
    if (differences.some((names) => names.length === 0)) return {kind: 'keep', parameter: found};
    return {kind: 'update', parameter, reason: `registered with another ${differences[1]?.join(', ')}`};
  });
}

function typeNote(rule: ConfigurationParameter, parameter: ConfigurationParameter): string {
  return rule.type === parameter.type ? '' : `; as string, since Trove's API knows no ${rule.type}`;
}

function bounds(min: number | bigint | null | undefined, max: number | bigint | null | undefined) {
  return {...(min == null ? {} : {min: BigInt(min)}), ...(max == null ? {} : {max: BigInt(max)})};
}

function differingMembers(wanted: ConfigurationParameter, found: ConfigurationParameter): string[] {
  return [
    ...(wanted.type === found.type ? [] : ['type']),
    ...(wanted.isRestartRequired === found.isRestartRequired ? [] : ['need of a restart']),
    ...(wanted.min === found.min ? [] : ['minimum']),
    ...(wanted.max === found.max ? [] : ['maximum']),
  ];
}
