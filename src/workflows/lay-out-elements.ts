import {chmod, copyFile, mkdir, readlink, symlink} from 'node:fs/promises';
import {dirname} from 'node:path';
import type {Element, ElementFile, Hook} from '../element/index.js';
import {ownByNamespace} from '../sandbox/index.js';
import type {Workshop} from './workshop.js';

/** The folder of all hooks as upstream lays it out: every element's folders in one, for `TMP_HOOKS_PATH`. Of files beside
 * those folders the last element's stays.
 * @param links Hooks that lie elsewhere than in their phase's folder.
 */
export async function mergeElements(
  elements: readonly Element[],
  links: readonly Hook[],
  workshop: Workshop,
): Promise<string> {
  const merged = await newFolder(workshop);
  const all = new Map(elements.flatMap(({folder, files}) => files.map((file) => [file.path, {folder, file}] as const)));
  for (const {folder, file} of all.values()) await copyInto(merged, folder, file);
  for (const {phase, name, linkedFrom} of links) {
    if (linkedFrom !== undefined) await symlink(linkedFrom, `${merged}/${phase}/${name}`);
  }
  return merged;
}

/** A folder with each element in its own, for `ELEMENTS_PATH`. */
export async function copyElements(elements: readonly Element[], workshop: Workshop): Promise<string> {
  const copies = await newFolder(workshop);
  for (const {name, folder, files} of elements) {
    await makeFolders(copies, name);
    for (const file of files) await copyInto(`${copies}/${name}`, folder, file);
  }
  return copies;
}

async function newFolder(workshop: Workshop): Promise<string> {
  const folder = await workshop.work.newFolder();
  await ownByNamespace(folder);
  return folder;
}

async function copyInto(root: string, folder: string, file: ElementFile): Promise<void> {
  const [from, to] = [`${folder}/${file.path}`, `${root}/${file.path}`];
  if (file.path.includes('/')) await makeFolders(root, dirname(file.path));
  if (file.kind === 'link') {
    await symlink(await readlink(from), to);
    return;
  }
  await copyFile(from, to);
  await chmod(to, file.isExecutable ? 0o755 : 0o644);
  await ownByNamespace(to);
}

async function makeFolders(root: string, path: string): Promise<void> {
  let folder = root;
  for (const name of path.split('/')) {
    folder += `/${name}`;
    if ((await mkdir(folder, {recursive: true})) !== undefined) await ownByNamespace(folder);
  }
}
