import {stripVTControlCharacters} from 'node:util';

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
  /** Why the boot or the proof failed, in the words of whoever noticed. */
  readonly failure?: string;
  /** Units that failed, with the last line of each one's journal. */
  readonly failedUnits: Readonly<Record<string, string>>;
  /** The console's last lines. */
  readonly tail: readonly string[];
}

export const emptyRecord: BootRecord = {milestones: [], failedUnits: {}, tail: []};

const keptLines = 25;

/** Signs of a boot that goes no further. */
const deadEnds: readonly (readonly [RegExp, string])[] = [
  [/Kernel panic - not syncing: ?(.*)/, 'the kernel panicked: $1'],
  [/No bootable device|No bootable option or device was found/, 'the firmware found no bootloader'],
  [/^grub rescue>|error: unknown filesystem/, 'the bootloader found no file system to go on from'],
  [/error: .*(no such device.*|you need to load the kernel first)/, 'the bootloader stopped: $1'],
  [/ALERT! +(.*) does not exist/, 'the kernel found no root file system: $1 does not exist'],
  [/You are in emergency mode|Entering emergency mode/, 'the system entered emergency mode'],
  [/Failed to mount (.*root.*)/i, 'the root file system failed: $1'],
];

/** Adds a line of the console to what is known. Pure. */
export function readConsoleLine(record: BootRecord, line: string, atMs: number): BootRecord {
  const text = plainText(line);
  if (!text) return record;
  const tail = [...record.tail, text].slice(-keptLines);
  const told = parseTelling(text);
  if (told) return {...addTelling(record, told, atMs), tail};
  if (/\] Linux version |^Linux version /.test(text)) return {...addMilestone(record, 'kernel', atMs), tail};
  return {...record, tail, ...withFailure(record, deadEnd(text))};
}

/** A boot is over when it has an answer or can't get one. */
export function isOver(record: BootRecord): boolean {
  return record.answer !== undefined || record.failure !== undefined;
}

/** Why there is no answer, for a boot that ended without telling: by its last milestone and what failed on the way. */
export function causeOf(record: BootRecord, end: 'time is up' | 'machine stopped', limitMs: number): string {
  if (record.failure) return record.failure;
  const [unit, line] = Object.entries(record.failedUnits)[0] ?? [];
  const last = record.milestones.at(-1);
  const where = last ? `after "${last.name}"` : 'before any sign of a kernel';
  const what = end === 'time is up' ? `nothing more happened within ${limitMs / 1000} s` : 'the machine stopped';
  return unit ? `${unit} failed: ${line}` : `${what}, ${where}`;
}

interface Telling {
  readonly milestone?: unknown;
  readonly failed?: unknown;
  readonly line?: unknown;
  readonly answer?: unknown;
  readonly 'proof failed'?: unknown;
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
  if (typeof told.milestone === 'string') return addMilestone(record, told.milestone, atMs);
  if (typeof told.answer === 'string') {
    return {...addMilestone(record, 'database answers', atMs), answer: told.answer.trim()};
  }
  if (typeof told['proof failed'] === 'string') return {...record, ...withFailure(record, told['proof failed'].trim())};
  if (typeof told.failed === 'string') {
    const line = typeof told.line === 'string' ? told.line : (record.failedUnits[told.failed] ?? '');
    return {...record, failedUnits: {...record.failedUnits, [told.failed]: line}};
  }
  return record;
}

function addMilestone(record: BootRecord, name: string, atMs: number): BootRecord {
  if (record.milestones.some((milestone) => milestone.name === name)) return record;
  return {...record, milestones: [...record.milestones, {name, atMs}]};
}

/** The first failure is the cause; later ones follow from it. */
function withFailure(record: BootRecord, failure: string | undefined): {failure?: string} {
  const first = record.failure ?? failure;
  return first === undefined ? {} : {failure: first};
}

function deadEnd(text: string): string | undefined {
  for (const [pattern, words] of deadEnds) {
    const match = pattern.exec(text);
    if (match) return words.replace('$1', match[1]?.trim() ?? '').replace(/: $/, '');
  }
  return undefined;
}

/** Without terminal control sequences and trailing blanks. */
function plainText(line: string): string {
  return stripVTControlCharacters(line)
    .replace(/\p{Cc}/gu, '')
    .trimEnd();
}
