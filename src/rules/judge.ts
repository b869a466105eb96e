import type {ExaminedImage} from './examined-image.js';
import type {Finding, Rule, Severity} from './rule.js';
import type {Waiver} from './waivers.js';

/** A finding with what it is against, and who said that it may stay. */
export interface JudgedFinding extends Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly remedy: string;
  readonly waiver?: {readonly reason: string; readonly expires: string};
}

/** What the rules found of an image. */
export interface Judgement {
  readonly rulesAsked: number;
  readonly findings: readonly JudgedFinding[];
  /** No error is left that nobody waived. */
  readonly isSound: boolean;
  /** Waivers that are over, or that nothing was found for; in words. */
  readonly remarks: readonly string[];
}

/** Asks every rule.
 * @param today `YYYY-MM-DD`; a waiver holds up to its day, the day included.
 */
export function judge(
  image: ExaminedImage,
  asked: readonly Rule[],
  waivers: readonly Waiver[],
  today: string,
): Judgement {
  const valid = waivers.filter(({expires}) => expires >= today);
  const used = new Set<Waiver>();
  const findings = asked.flatMap((rule) =>
    rule.find(image).map((finding): JudgedFinding => {
      const waiver = valid.find((one) => covers(one, rule.id, finding));
      if (waiver) used.add(waiver);
      const {id, severity, remedy} = rule;
      const waived = waiver ? {waiver: {reason: waiver.reason, expires: waiver.expires}} : {};
      return {rule: id, severity, ...finding, remedy, ...waived};
    }),
  );
  const remarks = waivers.flatMap((waiver) => {
    const name = `the waiver of ${waiver.rule}${waiver.path === undefined ? '' : ` for ${waiver.path}`}`;
    if (!valid.includes(waiver)) return [`${name} ended on ${waiver.expires}`];
    return used.has(waiver) ? [] : [`${name} is needed no more`];
  });
  const isSound = !findings.some(({severity, waiver}) => severity === 'error' && waiver === undefined);
  return {rulesAsked: asked.length, findings, isSound, remarks};
}

function covers(waiver: Waiver, rule: string, finding: Finding): boolean {
  if (waiver.rule !== rule) return false;
  return waiver.path === undefined || waiver.path === finding.path;
}
