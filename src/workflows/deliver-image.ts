import {randomBytes} from 'node:crypto';
import {access, constants, copyFile, mkdir, rename, rm, stat, utimes} from 'node:fs/promises';
import {dirname} from 'node:path';
import {readFileIfThere, systemErrorCode, UsageError, writeFileWhole} from '../base/index.js';
import {sidecarPath} from '../image/index.js';
import {type StoredResult, storeError} from '../store/index.js';
import type {ImageFacts} from './assemble-disk.js';

export interface DeliveredImage {
  readonly file: string;
  readonly isUnchanged: boolean;
}

/** Sees before a build that its file can be written at the end.
 * @throws {UsageError} `bad-argument` when the file, or what it is to lie in, is something else.
 * @throws {HostError} `no-access`
 */
export async function checkDestination(file: string): Promise<void> {
  const refuse = (problem: string) =>
    new UsageError('bad-argument', {
      argument: `the output file "${file}"`,
      problem,
      next: 'choose another --output-file',
    });
  if ((await stat(file).catch(noneIfMissing))?.isDirectory()) throw refuse('it is a folder');
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = await stat(folder).catch(noneIfMissing);
    if (!found) continue;
    if (!found.isDirectory()) throw refuse(`"${folder}" is no folder`);
    await access(folder, constants.W_OK | constants.X_OK).catch((error: unknown) => {
      throw storeError(error, folder);
    });
    return;
  }
}

/** ENOTDIR: something on the way is a file; the search for the nearest folder comes to it. */
function noneIfMissing(error: unknown): undefined {
  const code = systemErrorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

/** Copies a finished image and its manifest out of the store; what was there before stays until the copy is whole.
 * @throws {HostError} `disk-full`, `no-access`
 */
export async function deliverImage(image: StoredResult<ImageFacts>, file: string): Promise<DeliveredImage> {
  const stored = `${image.folder}/disk.qcow2`;
  try {
    await mkdir(dirname(file), {recursive: true});
    const isUnchanged = await isCopy(stored, file);
    if (!isUnchanged) await copyWhole(stored, file);
    await writeFileWhole(sidecarPath(file), (await readFileIfThere(`${image.folder}/manifest.json`)) ?? '');
    return {file, isUnchanged};
  } catch (error) {
    throw storeError(error, file);
  }
}

/** By size and time of change, which a copy of ours has from the stored file. */
async function isCopy(stored: string, file: string): Promise<boolean> {
  try {
    const [original, copy] = await Promise.all([stat(stored), stat(file)]);
    return original.size === copy.size && Math.abs(original.mtimeMs - copy.mtimeMs) < 1;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function copyWhole(stored: string, file: string): Promise<void> {
  const part = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    await copyFile(stored, part, constants.COPYFILE_FICLONE);
    const {atime, mtime} = await stat(stored);
    await utimes(part, atime, mtime);
    await rename(part, file);
  } catch (error) {
    await rm(part, {force: true});
    throw error;
  }
}
