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
  /** Why the proof itself failed, which says nothing of the image. */
  readonly broken?: string;
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
export function isOver({answer, failure, broken}: BootRecord): boolean {
  return answer !== undefined || failure !== undefined || broken !== undefined;
}

/** A point on a guest's way to a database, and what is wrong when it is missing. */
interface Point {
  readonly name: string;
  readonly kind: CauseKind;
  readonly words: string;
  /** The milestone that makes it one that has to be passed: guests in a cloud have none of the proof's. */
  readonly once?: string;
}

/** In the order in which they are asked for: a later one may be there without an earlier one. */
const way: readonly Point[] = [
  {name: 'userspace', kind: 'image: init', words: 'the kernel started, and no user space'},
  {name: 'network', kind: 'image: network', words: 'no network card got an address'},
  {name: 'user data', kind: 'image: cloud-init', words: 'the user data was not written'},
  {name: 'docker', kind: 'image: docker', words: 'Docker did not start'},
  {name: 'agent', kind: 'image: agent not enabled', words: 'all that it waits for was there, and it did not start'},
  {name: 'volume mounted', kind: 'image: volume', words: 'the agent runs and has not mounted the volume'},
  {
    name: 'name asked',
    kind: 'image: dns',
    words: 'no name server was asked for the broker',
    once: 'control plane ready',
  },
  {name: 'agent connected', kind: 'image: agent', words: 'it did not reach the broker', once: 'control plane ready'},
  {name: 'prepare begun', kind: 'image: agent', words: "it did not act on Trove's call", once: 'control plane ready'},
  {name: 'database container running', kind: 'cloud: no call', words: 'the agent runs, and no container was asked for'},
  {name: 'database listening', kind: 'image: database', words: 'the container runs, and no port is open in it'},
  {name: 'agent reports HEALTHY', kind: 'image: database', words: 'it is not healthy', once: 'control plane ready'},
  {name: 'query answered from outside', kind: 'image: port', words: 'nobody answers', once: 'agent reports HEALTHY'},
  {name: 'powered off', kind: 'image: restart', words: 'the guest does not power off', once: 'restart asked'},
  {name: 'data kept', kind: 'image: restart', words: 'the database did not come back', once: 'restart asked'},
  {name: 'HEALTHY again', kind: 'image: restart', words: 'the agent did not come back', once: 'restart asked'},
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
  const missing = firstMissing(new Set(milestones.map(({name}) => name)));
  if (missing) return {kind: missing.kind, detail: `${missing.words} (${ended})`};
  const [unit, line] = Object.entries(failedUnits)[0] ?? [];
  return {kind: 'unknown', detail: unit ? `${unit} failed: ${line}` : ended};
}

/** A guest without a flight recorder tells nothing of what is before the control plane's first sight of it. */
function firstMissing(reached: ReadonlySet<string>): Point | undefined {
  const asked = way.filter(({once}) => once === undefined || reached.has(once));
  if (reached.has('userspace')) return asked.find(({name}) => !reached.has(name));
  const furthest = asked.findLastIndex(({name}) => reached.has(name));
  return furthest < 0 ? undefined : asked.slice(furthest).find(({name, once}) => once && !reached.has(name));
}

interface Telling {
  readonly milestone?: unknown;
  readonly failed?: unknown;
  readonly trouble?: unknown;
  readonly line?: unknown;
  readonly answer?: unknown;
  readonly 'proof failed'?: unknown;
  readonly 'control plane failed'?: unknown;
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
  if (typeof told['control plane failed'] === 'string') return {...record, broken: told['control plane failed']};
  if (typeof told.trouble === 'string') return withTrouble(record, troubleIn(line ?? ''));
  if (typeof told.failed === 'string') return addFailedUnit(record, told.failed, line);
  return record;
}

/** @param line Of the unit's journal; absent in the telling that ends them. */
function addFailedUnit(record: BootRecord, unit: string, line: string | undefined): BootRecord {
  const said = line ?? record.failedUnits[unit] ?? '';
  const kind = kindOfUnit(unit);
  const known = {...record, failedUnits: {...record.failedUnits, [unit]: said}};
  if (!kind) return known;
  const itself = line === undefined ? {kind, detail: `${unit} failed: ${said}`} : undefined;
  return withTrouble(known, troubleIn(said) ?? itself);
}

/** The proof names the kind itself where it knows it; else its words may. */
function proofFailure(detail: string, kind: unknown): Cause {
  if (typeof kind === 'string' && Object.hasOwn(remedies, kind)) return {kind: kind as CauseKind, detail};
  return {kind: troubleIn(detail)?.kind ?? 'image: database', detail};
}

/** What kernel, firmware, boot loader, systemd and cloud-init say by themselves. */
function addSystemLine(record: BootRecord, text: string, atMs: number): BootRecord {
  if (/\] Linux version |^Linux version /.test(text)) return addMilestone(record, 'kernel', atMs);
  const [, unit] = /\[FAILED\] Failed to start ([\w@.-]+\.\w+)/.exec(text) ?? [];
  if (unit) return {...record, failedUnits: {[unit]: text.replace(/^.*\[FAILED\] /, ''), ...record.failedUnits}};
  const end = deadEnd(text);
  return end ? withFailure(record, end) : withTrouble(record, troubleIn(text));
}

/** Each once; after a restart each once again. */
function addMilestone(record: BootRecord, name: string, atMs: number): BootRecord {
  const has = (one: string) => record.milestones.some((milestone) => milestone.name === one);
  const told = has(name) && has('powered off') ? `${name} again` : name;
  return has(told) ? record : {...record, milestones: [...record.milestones, {name: told, atMs}]};
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
