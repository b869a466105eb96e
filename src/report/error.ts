import {styleText} from 'node:util';
import {exitCodes, HostError, systemErrorCode, TrovestackError, UsageError} from '../base/index.js';
import {redact} from './secrets.js';

/** An error as people read it, as programs read it, and the exit code. */
export interface RenderedError {
  readonly text: string;
  readonly value: {
    readonly class: string;
    readonly code: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, string>>;
    readonly next?: string;
  };
  readonly exitCode: number;
}

export function renderError(thrown: unknown, options: {color: boolean; stack: boolean}): RenderedError {
  const error = known(thrown);
  if (!error) return renderBug(thrown);
  const {message, details = {}, next} = error.words;
  const head = options.color ? styleText(['red', 'bold'], `error ${error.code}`) : `error ${error.code}`;
  const lines = [`${head}: ${message}`];
  for (const [name, text] of Object.entries(details)) lines.push(field(name, text));
  if (next) lines.push(field('next', next));
  if (options.stack && error.cause instanceof Error)
    lines.push(field('cause', error.cause.stack ?? error.cause.message));
  return {
    text: redact(lines.join('\n')),
    value: {
      class: error.errorClass,
      code: error.code,
      message: redact(message),
      ...(Object.keys(details).length > 0 ? {details: redactAll(details)} : {}),
      ...(next ? {next: redact(next)} : {}),
    },
    exitCode: error.exitCode,
  };
}

/** Our own errors, and the system's that have one meaning wherever they come from. */
function known(thrown: unknown): TrovestackError | undefined {
  if (thrown instanceof TrovestackError) return thrown.errorClass === 'bug' ? undefined : thrown;
  const path = thrown instanceof Error && 'path' in thrown ? String(thrown.path) : 'the store';
  const code = systemErrorCode(thrown) ?? '';
  const problem = pathProblems[code];
  if (problem) return new UsageError('unusable-path', {path, problem}, {cause: thrown});
  switch (code) {
    case 'ENOSPC':
      return new HostError('disk-full', {path, doing: 'writing'}, {cause: thrown});
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HostError('no-access', {path, problem: code}, {cause: thrown});
    default:
      return undefined;
  }
}

/** What the system says of paths that somebody typed. */
const pathProblems: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of it is no folder',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'it is longer than file systems allow',
};

/** A mistake of ours: everything that an issue needs, ready to paste. */
function renderBug(thrown: unknown): RenderedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = error instanceof TrovestackError ? error.code : 'unexpected';
  const text = [
    `error ${code}: This is a mistake in trovestack, not in what you did: ${error.message}`,
    field('next', 'report it with the text below'),
    '',
    `trovestack on Node ${process.version}, ${process.platform} ${process.arch}`,
    error.stack ?? error.message,
  ].join('\n');
  return {
    text: redact(text),
    value: {class: 'bug', code, message: redact(error.message)},
    exitCode: exitCodes.bug,
  };
}

function field(name: string, text: string): string {
  return `  ${name.padEnd(8)} ${text.trimEnd().replaceAll('\n', `\n${' '.repeat(11)}`)}`;
}

function redactAll(details: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(details).map(([name, text]) => [name, redact(text)]));
}
