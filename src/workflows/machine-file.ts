import {createHash} from 'node:crypto';
import {constants, createWriteStream} from 'node:fs';
import {open, realpath, rm, stat} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {fileURLToPath} from 'node:url';
import {type Sha256, systemErrorCode} from '../base/index.js';
import {type PackageFiles, storeError} from '../store/index.js';
import type {Found, Trouble} from './archive-answer.js';

/** Keeps a file of this machine in the store, when any user may read it: elements are given no others.
 * @param address Of `file:`.
 */
export async function keepMachineFile(
  address: string,
  files: PackageFiles,
  signal: AbortSignal,
): Promise<Found | Trouble> {
  const path = await pathIfOpenToAll(address);
  if (path === undefined) {
    const problem = 'not everybody may read it: of this machine elements are given what is open to all';
    return {kind: 'unreachable', file: address, problem};
  }
  const part = files.newPart();
  const hash = createHash('sha256');
  try {
    // A pipe without a writer would hold us for ever, and a device has no end.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    if (!(await file.stat()).isFile()) return {kind: 'moved', file: address, problem: 'it is no regular file'};
    await pipeline(
      file.createReadStream({autoClose: false}),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(part, {mode: 0o644}),
      {signal},
    );
  } catch (error) {
    await rm(part, {force: true});
    const code = systemErrorCode(error) ?? '';
    if (!['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR'].includes(code)) throw storeError(error, files.folder);
    return {kind: 'moved', file: address, problem: error instanceof Error ? error.message : code};
  }
  const digest = hash.digest('hex') as Sha256;
  const {size} = await stat(part);
  await files.keep(part, digest, size);
  return {kind: 'found', sha256: digest, sizeBytes: size};
}

/** The path that a `file:` address leads to, when any user of this machine may read it; where nothing is, the path as it stands. */
async function pathIfOpenToAll(address: string): Promise<string | undefined> {
  let path: string;
  try {
    path = await realpath(fileURLToPath(address));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return fileURLToPath(address);
    if (error instanceof TypeError || systemErrorCode(error) === 'EACCES') return undefined; // no path of this machine's
    throw error;
  }
  const parts = path.split('/').slice(1, -1);
  const folders = parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
  const modes = await Promise.all(folders.map(async (folder) => (await stat(folder)).mode));
  const isOpen = modes.every((mode) => (mode & 0o001) !== 0) && ((await stat(path)).mode & 0o004) !== 0;
  return isOpen ? path : undefined;
}
