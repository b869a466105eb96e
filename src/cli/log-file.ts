import {closeSync, openSync, writeSync} from 'node:fs';
import {dirname} from 'node:path';
import {type Emit, type Event, systemErrorCode, UsageError} from '../base/index.js';

/** A file that is told what happens, a line each; written anew. */
export interface LogFile extends Disposable {
  readonly emit: Emit;
}

/** @param hasTimestamps Whether each line begins with its moment, as diskimage-builder's do.
 * @throws {UsageError} `bad-argument` when the file can't be written
 */
export function openLogFile(path: string, hasTimestamps: boolean): LogFile {
  const file = open(path);
  return {
    emit(event) {
      const line = lineOf(event);
      if (line === undefined) return;
      const moment = hasTimestamps ? `${new Date().toISOString().replace('T', ' ').slice(0, 23)} | ` : '';
      writeSync(file, `${moment}${line}\n`);
    },
    [Symbol.dispose]() {
      closeSync(file);
    },
  };
}

function open(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    const problem = `it cannot be written in "${dirname(path)}" (${code})`;
    throw new UsageError('bad-argument', {argument: `--logfile ${path}`, problem, next: 'choose another file'});
  }
}

function lineOf(event: Event): string | undefined {
  switch (event.type) {
    case 'output':
      return event.line;
    case 'step started':
      return `run ${event.step} (${event.reason})`;
    case 'step finished':
      return `done ${event.step} in ${(event.durationMs / 1000).toFixed(1)} s`;
    case 'step reused':
      return `reuse ${event.step}`;
    case 'note':
      return event.text;
    case 'warning':
      return `warning: ${event.text}`;
    default:
      return undefined;
  }
}
