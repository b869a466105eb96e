import {type Cause, remedies} from './cause.js';
import {causeOf, emptyRecord, type Milestone, readConsoleLine} from './console.js';

/** What a saved console says of its guest. */
export interface Diagnosis {
  /** Whether the database came up, or its port opened; what failed on the way has passed then. */
  readonly serves: boolean;
  /** Times are the guest's own, in milliseconds since its kernel started; 0 where its line has none. */
  readonly milestones: readonly Milestone[];
  /** Absent when it serves. */
  readonly cause?: Cause & {readonly remedy: string};
  readonly answer?: string;
}

/** Reads a console from its first line to its last. Of several boots in it the last one counts. Pure. */
export function diagnose(text: string): Diagnosis {
  const lines = lastBoot(text.split('\n'));
  const record = lines.reduce((before, line) => readConsoleLine(before, line, uptimeMs(line)), emptyRecord);
  const {milestones, answer} = record;
  const serves =
    answer !== undefined || (!record.failure && milestones.some(({name}) => name === 'database listening'));
  if (serves) return {serves, milestones, ...(answer === undefined ? {} : {answer})};
  const cause = causeOf(record, 'the console ends');
  return {serves, milestones, cause: {...cause, remedy: remedies[cause.kind]}};
}

/** A machine that was started again appends to its console: the last boot begins with the last first words of a kernel, or of
 * a firmware when no kernel came after them. */
function lastBoot(lines: readonly string[]): readonly string[] {
  const isFirst = (line: string) => /\] Linux version |SeaBIOS \(version|^BdsDxe: (?:loading|failed)/.test(line);
  return lines.slice(Math.max(0, lines.findLastIndex(isFirst)));
}

/** From the flight recorder's uptime, or the kernel's clock in brackets. */
function uptimeMs(line: string): number {
  const [, told] = /"uptime": ?(\d+(?:\.\d+)?)/.exec(line) ?? [];
  const [, kernel] = /^\[ *(\d+\.\d+)\]/.exec(line) ?? [];
  return Math.round(Number(told ?? kernel ?? 0) * 1000);
}
