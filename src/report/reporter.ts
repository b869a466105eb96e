import {closeSync, openSync, writeSync} from 'node:fs';
import {styleText} from 'node:util';
import {type Event, systemErrorCode, UsageError} from '../base/index.js';
import {redact} from './secrets.js';
import {formatBytes, formatDuration} from './units.js';

export type Verbosity = 'quiet' | 'normal' | 'verbose';

export interface Reporter {
  readonly emit: (event: Event) => void;
  /** Clears what is only shown while work goes on. */
  close(): void;
}

export interface ReporterOptions {
  readonly verbosity: Verbosity;
  readonly terminal: NodeJS.WritableStream & {readonly isTTY?: boolean; readonly columns?: number};
  /** Every event is appended here as one line of JSON with its time. */
  readonly eventsFile?: string;
  /** Milliseconds since some start; for tests. */
  readonly now?: () => number;
}

/** How often an act's progress is printed where lines can't be overwritten. */
const progressIntervalMs = 10_000;

/** Writes events to a terminal, or to a log, as lines; progress is one line that is overwritten on a terminal.
 * @throws {UsageError} `bad-argument` when the events file can't be written.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const {terminal, verbosity} = options;
  const now = options.now ?? (() => performance.now());
  const start = now();
  const isTty = terminal.isTTY === true;
  let shown = false;
  let lastProgressAt = Number.NEGATIVE_INFINITY;
  const events = options.eventsFile === undefined ? undefined : openEventsFile(options.eventsFile, terminal);

  const clear = () => {
    if (shown) terminal.write('\r\x1b[K');
    shown = false;
  };
  const showProgress = (line: string) => {
    if (isTty) {
      terminal.write(`\r\x1b[K${line.slice(0, (terminal.columns ?? 80) - 1)}`);
      shown = true;
    } else if (now() - lastProgressAt >= progressIntervalMs) {
      lastProgressAt = now();
      terminal.write(`${line}\n`);
    }
  };

  return {
    emit(event) {
      events?.append(event);
      if (event.type === 'progress') {
        if (verbosity !== 'quiet') showProgress(`${clock(now() - start)}     ${progressText(event)}`);
        return;
      }
      if (event.type === 'step started' && verbosity === 'normal') {
        showProgress(`${clock(now() - start)}   run ${event.step} (${event.reason}) …`);
        return;
      }
      const line = lineOf(event, verbosity, isTty);
      if (line === undefined) return;
      clear();
      terminal.write(`${redact(`${clock(now() - start)} ${line}`)}\n`);
    },
    close() {
      clear();
      events?.close();
    },
  };
}

/** A file of events. That it can't be written is told at the start; later it is told once and work goes on. */
function openEventsFile(path: string, terminal: NodeJS.WritableStream) {
  let file: number | undefined;
  try {
    file = openSync(path, 'a');
  } catch (error) {
    const problem = `it can't be written (${systemErrorCode(error)})`;
    throw new UsageError('bad-argument', {argument: `--events "${path}"`, problem});
  }
  const close = () => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    append(event: Event) {
      if (file === undefined) return;
      try {
        writeSync(file, `${redact(JSON.stringify({time: new Date().toISOString(), ...event}))}\n`);
      } catch (error) {
        close();
        terminal.write(`warning: events are no longer written to "${path}" (${systemErrorCode(error)})\n`);
      }
    },
    close,
  };
}

/** Elapsed time as "mm:ss". */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

function progressText(event: Extract<Event, {type: 'progress'}>): string {
  const show = event.unit === 'bytes' ? formatBytes : String;
  if (event.total === undefined) return `${event.what} ${show(event.done)}`;
  const percent = event.total === 0 ? 100 : Math.floor((100 * event.done) / event.total);
  return `${event.what} ${percent} % (${show(event.done)} of ${show(event.total)})`;
}

/** The line of an event, or undefined where it isn't shown. */
function lineOf(event: Exclude<Event, {type: 'progress'}>, verbosity: Verbosity, color: boolean): string | undefined {
  const style = (format: Parameters<typeof styleText>[0], text: string) => (color ? styleText(format, text) : text);
  if (event.type === 'warning') return `${style('yellow', 'warning')} ${event.text}`;
  if (verbosity === 'quiet') return undefined;
  switch (event.type) {
    case 'stage started':
      return style('bold', `▸ ${event.title}`);
    case 'stage finished': {
      const notes = [formatDuration(event.durationMs), event.reused, event.detail].filter(Boolean).join(', ');
      return `${style('green', `✓ ${event.title}`)} (${notes})`;
    }
    case 'plan ready':
      return `  plan: ${event.steps} steps for ${event.image}, ${event.reused} reused`;
    case 'step started':
      return `  run ${event.step} (${event.reason}) …`;
    case 'step reused':
      return verbosity === 'verbose' ? `  reuse ${event.step}` : undefined;
    case 'step finished':
      return `  run ${event.step} (${event.reason}) ${formatDuration(event.durationMs)}`;
    case 'milestone':
      return `  ${formatDuration(event.atMs).padStart(8)}  ${event.name}${event.detail ? `: ${event.detail}` : ''}`;
    case 'action':
      return `  ${event.action} ${event.target} (${event.reason})`;
    case 'note':
      return `  ${event.text}`;
    case 'output':
      return verbosity === 'verbose' ? style('dim', `    ${event.source}: ${event.line}`) : undefined;
    default:
      return event satisfies never;
  }
}
