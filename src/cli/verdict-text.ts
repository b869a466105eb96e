import type {JudgedFinding, Rule} from '../rules/index.js';
import type {Verdict} from '../workflows/verify-image.js';

/** A verdict for people: what was proven, then what was found, errors first. */
export function describeVerdict(verdict: Verdict): string {
  const name = verdict.file.split('/').at(-1) ?? verdict.file;
  const found = [...verdict.findings].sort((a, b) => rank(a) - rank(b)).map(describeFinding);
  return [head(verdict, name), ...milestones(verdict), ...found].join('\n');
}

function head(verdict: Verdict, name: string): string {
  const counts = `${verdict.rulesAsked} rules: ${count(verdict, 'error')}, ${count(verdict, 'warning')}`;
  if (!verdict.sound) return `unsound: ${name} (${counts})`;
  if (!verdict.proven) return `sound: ${name} (${counts})`;
  const answered = verdict.milestones.at(-1);
  const after = answered ? ` after ${(answered.atMs / 1000).toFixed(1)} s` : '';
  const where = `${verdict.firmware} on ${verdict.accelerator}`;
  const how =
    verdict.depth === 'control-plane'
      ? 'its database answered from outside, after a restart too'
      : 'its database answered';
  return `proven: ${name} boots by ${where}, and ${how}${after}: ${verdict.serverVersion} (${counts})`;
}

function milestones(verdict: Verdict): string[] {
  return verdict.milestones.map(({atMs, name}) => `  ${(atMs / 1000).toFixed(1).padStart(6)} s  ${name}`);
}

function count({findings}: Verdict, severity: 'error' | 'warning'): string {
  const number = findings.filter((one) => one.severity === severity && one.waiver === undefined).length;
  return `${number === 0 ? 'no' : number} ${severity}${number === 1 ? '' : 's'}`;
}

function rank({severity, waiver}: JudgedFinding): number {
  if (waiver) return 2;
  return severity === 'error' ? 0 : 1;
}

function describeFinding({severity, rule, path, detail, remedy, waiver}: JudgedFinding): string {
  const what = `  ${(waiver ? 'waived' : severity).padEnd(8)} ${rule}  ${path === undefined ? '' : `${path}: `}${detail}`;
  if (waiver) return `${what}\n           until ${waiver.expires}: ${waiver.reason}`;
  return `${what}\n           ${remedy}`;
}

/** The catalogue of rules for people. */
export function describeRules(rules: readonly Rule[]): string {
  return rules
    .map(({id, severity, statement, reason, remedy, source}) =>
      [`${id} (${severity}): ${statement}`, `  why     ${reason}`, `  remedy  ${remedy}`, `  source  ${source}`].join(
        '\n',
      ),
    )
    .join('\n');
}
