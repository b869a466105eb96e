import {lstat, readdir} from 'node:fs/promises';
import {systemErrorCode} from '../base/index.js';

/** What a result consists of, as far as it can be seen at once: its folders, two deep, and the size of each file beside them. */
export type Parts = Readonly<Record<string, 'folder' | number>>;

export async function partsOf(folder: string): Promise<Parts> {
  const parts: Record<string, 'folder' | number> = {};
  for (const entry of await readdir(folder, {withFileTypes: true})) {
    if (!entry.isDirectory()) {
      if (entry.isFile()) parts[entry.name] = (await lstat(`${folder}/${entry.name}`)).size;
      continue;
    }
    parts[entry.name] = 'folder';
    // `target/tree` and `hooks/tree` of a step; a root's `tree` has its folders told by its inventory.
    if (entry.name !== 'tree' && (await isFolder(`${folder}/${entry.name}/tree`)))
      parts[`${entry.name}/tree`] = 'folder';
  }
  return parts;
}

/** Whether a result still has them, each with its size. */
export async function arePartsThere(folder: string, parts: Parts): Promise<boolean> {
  const found = await Promise.all(
    Object.entries(parts).map(async ([name, size]) => {
      const stats = await statsOf(`${folder}/${name}`);
      return size === 'folder' ? stats?.isDirectory() === true : stats?.isFile() === true && stats.size === size;
    }),
  );
  return found.every(Boolean);
}

async function isFolder(path: string): Promise<boolean> {
  return (await statsOf(path))?.isDirectory() === true;
}

async function statsOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
