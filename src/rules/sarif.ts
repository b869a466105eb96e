import type {JudgedFinding} from './judge.js';
import type {Rule} from './rule.js';

/** Findings in the Static Analysis Results Interchange Format, which code hosts show beside the code.
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/
 */
export function sarifOf(
  findings: readonly JudgedFinding[],
  asked: readonly Rule[],
  image: string,
  toolVersion: string,
): object {
  const indexes = new Map(asked.map(({id}, index) => [id, index]));
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'trovestack',
            semanticVersion: toolVersion,
            rules: asked.map(({id, severity, statement, reason, remedy}) => ({
              id,
              shortDescription: {text: sentence(statement)},
              fullDescription: {text: reason},
              help: {text: remedy},
              defaultConfiguration: {level: severity},
            })),
          },
        },
        results: findings.map(({rule, severity, path, detail, waiver}) => ({
          ruleId: rule,
          ruleIndex: indexes.get(rule) ?? -1,
          level: severity,
          message: {text: path === undefined ? detail : `${path}: ${detail}`},
          locations: [
            {
              physicalLocation: {artifactLocation: {uri: image}},
              ...(path === undefined ? {} : {logicalLocations: [{fullyQualifiedName: path, kind: 'resource'}]}),
            },
          ],
          suppressions: waiver ? [{kind: 'external', justification: `${waiver.reason} (until ${waiver.expires})`}] : [],
        })),
      },
    ],
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
