import {stripVTControlCharacters} from 'node:util';
import {type Cause, type CauseKind, deadEnd, kindOfUnit, remedies, troubleIn} from './cause.js';

/** A point that the boot reached; time counts from the machine's power-on. */
export interface Milestone {
  readonly name: string;
  readonly atMs: number;
}

/** A boot, as far as its console has told. */
export interface BootRecord {
  readonly milestones: readonly Milestone[];
  /** What the version query answered. */
  readonly answer?: string;
  /** Why the boot or the proof goes no further. */
  readonly failure?: Cause;
  /** The first trouble that may pass. */
  readonly trouble?: Cause;
  /** Units that failed, with the last line of each one's journal. */
  readonly failedUnits: Readonly<Record<string, string>>;
  /** The console's last lines. */
  readonly tail: readonly string[];
}

export const emptyRecord: BootRecord = {milestones: [], failedUnits: {}, tail: []};

const keptLines = 25;

/** Adds a line of the console to what is known. Pure. */
export function readConsoleLine(record: BootRecord, line: string, atMs: number): BootRecord {
  const text = plainText(line);
  if (!text) return record;
  const tail = [...record.tail, text].slice(-keptLines);
  const told = parseTelling(text);
  if (told) return {...addTelling(record, told, atMs), tail};
  return {...addSystemLine(record, text, atMs), tail};
}

/** A boot is over when it has an answer or can't get one. */
export function isOver(record: BootRecord): boolean {
  return record.answer !== undefined || record.failure !== undefined;
}

/** The points that every guest passes on its way to a database, in the order in which they are asked for: a later one may be
 * there without an earlier one. With each, what is wrong when it is missing. */
const way: readonly (readonly [milestone: string, kind: CauseKind, words: string])[] = [
  ['userspace', 'image: init', 'the kernel started, and no user space'],
  ['network', 'image: network', 'no network card got an address'],
  ['user data', 'image: cloud-init', 'the user data was not written'],
  ['docker', 'image: docker', 'Docker did not start'],
  ['agent', 'image: agent not enabled', 'all that it waits for was there, and it did not start'],
  ['volume mounted', 'image: volume', 'the agent runs and has not mounted the volume'],
  [
    'database container running',
    'cloud: no call',
    'the agent runs, the volume is mounted, and no container was asked for',
  ],
  ['database listening', 'image: database', 'the container runs, and no port is open in it'],
];

/** Why there is no answer, for a boot that ended without telling: what failed on the way, else the first point that it
 * didn't reach.
 * @param silence How it ended, in words: "nothing more happened within 600 s".
 */
export function causeOf(record: BootRecord, silence: string): Cause {
  const {failure, trouble, milestones, failedUnits} = record;
  if (failure ?? trouble) return (failure ?? trouble) as Cause;
  for (const [unit, line] of Object.entries(failedUnits)) {
    const kind = kindOfUnit(unit);
    if (kind) return {kind, detail: `${unit} failed: ${line}`};
  }
  const last = milestones.at(-1);
  const ended = last ? `${silence}, after "${last.name}"` : `${silence}, before any sign of a kernel`;
  const [unit, line] = Object.entries(failedUnits)[0] ?? [];
  if (unit) return {kind: 'unknown', detail: `${unit} failed: ${line}`};
  const reached = new Set(milestones.map(({name}) => name));
  // Without a flight recorder a console tells of the kernel alone, and what is missing can't be known.
  if (!way.some(([name]) => reached.has(name))) return {kind: 'unknown', detail: ended};
  const missing = way.find(([name]) => !reached.has(name));
  return missing ? {kind: missing[1], detail: `${missing[2]} (${ended})`} : {kind: 'unknown', detail: ended};
}

interface Telling {
  readonly milestone?: unknown;
  readonly failed?: unknown;
  readonly trouble?: unknown;
  readonly line?: unknown;
  readonly answer?: unknown;
  readonly 'proof failed'?: unknown;
  readonly cause?: unknown;
}

/** What the flight recorder or the proof says, which may stand behind other text in a line. */
function parseTelling(text: string): Telling | undefined {
  const match = /TROVESTACK (\{.*\})/.exec(text);
  if (!match?.[1]) return undefined;
  try {
    return JSON.parse(match[1]) as Telling;
  } catch {
    return undefined; // torn by another program's output on the same console
  }
}

function addTelling(record: BootRecord, told: Telling, atMs: number): BootRecord {
  const line = typeof told.line === 'string' ? told.line : undefined;
  if (typeof told.milestone === 'string') return addMilestone(record, told.milestone, atMs);
  if (typeof told.answer === 'string') {
    return {...addMilestone(record, 'database answers', atMs), answer: told.answer.trim()};
  }
  if (typeof told['proof failed'] === 'string')
    return withFailure(record, proofFailure(told['proof failed'].trim(), told.cause));
  if (typeof told.trouble === 'string') return withTrouble(record, troubleIn(line ?? ''));
  if (typeof told.failed === 'string') {
    const said = line ?? record.failedUnits[told.failed] ?? '';
    const known = {...record, failedUnits: {...record.failedUnits, [told.failed]: said}};
    return withTrouble(known, kindOfUnit(told.failed) && troubleIn(said));
  }
  return record;
}

/** The proof names the kind itself where it knows it; else its words may. */
function proofFailure(detail: string, kind: unknown): Cause {
  if (typeof kind === 'string' && Object.hasOwn(remedies, kind)) return {kind: kind as CauseKind, detail};
  return {kind: troubleIn(detail)?.kind ?? 'image: database', detail};
}

/** What kernel, firmware, boot loader, systemd and cloud-init say by themselves. */
function addSystemLine(record: BootRecord, text: string, atMs: number): BootRecord {
  if (/\] Linux version |^Linux version /.test(text)) return addMilestone(record, 'kernel', atMs);
  if (/systemd\[1\]: systemd .* running in system mode/.test(text)) return addMilestone(record, 'userspace', atMs);
  const [, unit] = /\[FAILED\] Failed to start ([\w@.-]+\.\w+)/.exec(text) ?? [];
  if (unit) return {...record, failedUnits: {[unit]: text.replace(/^.*\[FAILED\] /, ''), ...record.failedUnits}};
  const end = deadEnd(text);
  return end ? withFailure(record, end) : withTrouble(record, troubleIn(text));
}

function addMilestone(record: BootRecord, name: string, atMs: number): BootRecord {
  if (record.milestones.some((milestone) => milestone.name === name)) return record;
  return {...record, milestones: [...record.milestones, {name, atMs}]};
}

/** The first failure is the cause; later ones follow from it. */
function withFailure(record: BootRecord, failure: Cause): BootRecord {
  return {...record, failure: record.failure ?? failure};
}

function withTrouble(record: BootRecord, trouble: Cause | undefined): BootRecord {
  return record.trouble || !trouble ? record : {...record, trouble};
}

/** Without terminal control sequences and trailing blanks. */
function plainText(line: string): string {
  return stripVTControlCharacters(line)
    .replace(/\p{Cc}/gu, '')
    .trimEnd();
}
