import {randomBytes} from 'node:crypto';
import {lstat, mkdir, open, readFile, rename, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {systemErrorCode} from './errors.js';

/** Writes a file whole or not at all: staged beside it, flushed, then renamed. Makes its folder. */
export async function writeFileWhole(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  const staged = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    const file = await open(staged, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(staged, path);
  } catch (error) {
    await rm(staged, {force: true});
    throw error;
  }
}

/** The file's text, or undefined when there is no such file. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What lies at a path within a folder whose content isn't trusted: a link on the way, which could lead anywhere on this
 * machine, counts as nothing.
 * @param path Relative, without "..".
 */
export async function kindWithin(folder: string, path: string): Promise<'folder' | 'file' | 'other' | 'nothing'> {
  let place = folder;
  let kind: 'folder' | 'file' | 'other' = 'folder';
  for (const name of path.split('/').filter(Boolean)) {
    if (kind !== 'folder') return 'nothing';
    place += `/${name}`;
    try {
      const found = await lstat(place);
      kind = found.isDirectory() ? 'folder' : found.isFile() ? 'file' : 'other';
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return 'nothing';
      throw error;
    }
  }
  return kind;
}

/** The text of a file within a folder whose content isn't trusted; undefined when there is none, or only by a link. */
export async function readFileWithin(folder: string, path: string): Promise<string | undefined> {
  return (await kindWithin(folder, path)) === 'file' ? readFile(`${folder}/${path}`, 'utf8') : undefined;
}
