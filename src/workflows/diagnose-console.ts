import {readFile} from 'node:fs/promises';
import {text} from 'node:stream/consumers';
import {systemErrorCode, UsageError} from '../base/index.js';
import {type Diagnosis, diagnose} from '../guest/index.js';

/** Reads a saved console and says what kept its guest from serving.
 * @param file `-` reads standard input.
 * @throws {UsageError} `file-not-found`
 */
export async function diagnoseConsole(file: string): Promise<Diagnosis> {
  if (file === '-') return diagnose(await text(process.stdin));
  try {
    return diagnose(await readFile(file, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path: file, what: 'console'});
    throw error;
  }
}
