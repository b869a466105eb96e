import {lchown, link, mkdir, readdir} from 'node:fs/promises';
import {systemErrorCode} from '../base/index.js';
import type {Store} from './store.js';
import type {WorkFolder} from './work-folder.js';

/** A folder for apt's `/var/cache/apt/archives`, filled with every package the store knows, by hard links: builds at the
 * same time don't meet in one folder that apt locks. */
export interface BorrowedDebs {
  readonly folder: string;
  /** Keeps what was downloaded into the folder for later builds. */
  giveBack(): Promise<void>;
}

/** @param own Gives a folder to the ids of the sandbox that will fill it. */
export async function borrowDebs(
  store: Store,
  work: WorkFolder,
  own: (folder: string) => Promise<void>,
): Promise<BorrowedDebs> {
  const folder = await work.newFolder();
  const known = await debsIn(store.debs);
  await Promise.all(known.map((name) => link(`${store.debs}/${name}`, `${folder}/${name}`)));
  await mkdir(`${folder}/partial`);
  await own(folder);
  await own(`${folder}/partial`);
  return {
    folder,
    async giveBack() {
      const before = new Set(known);
      for (const name of await debsIn(folder)) if (!before.has(name)) await keep(`${folder}/${name}`, store, name);
    },
  };
}

/** The file is ours from now on: sandboxes may read it, and not write it. apt checks its digest at every use. */
async function keep(file: string, store: Store, name: string): Promise<void> {
  await lchown(file, 0, 0);
  try {
    await link(file, `${store.debs}/${name}`);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error; // another build kept it just now
  }
}

async function debsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {withFileTypes: true});
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.deb')).map(({name}) => name);
}
