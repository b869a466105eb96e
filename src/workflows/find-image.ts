import {access} from 'node:fs/promises';
import {systemErrorCode, UsageError} from '../base/index.js';
import {type DiskFile, readDiskFile} from '../disk/index.js';
import type {Store} from '../store/index.js';
import {type ImageRecord, readImageRecords} from './image-record.js';

/** An image by what a person calls it: a file, or one that the store has. */
export interface NamedImage {
  readonly disk: DiskFile;
  /** The name for people: the file as it was given, or the image's name. */
  readonly name: string;
}

/** Finds an image: a path; else the last built image of a name (`mariadb-11.8-2025.1-debian-trixie-amd64`), of the beginning of a
 * name (`mariadb`, `mariadb-11.8`, also written `mariadb:11.8`), or of a digest (at least seven digits of the file's sha256).
 * @throws {UsageError} `unknown-build`, `not-a-disk-image`
 */
export async function findImage(reference: string, store: Store): Promise<NamedImage> {
  if (await isThere(reference)) return {disk: await readDiskFile(reference), name: reference};
  const kept = await keptImages(store);
  const found = matchRecords(reference, kept)[0];
  const known = [...new Set(kept.map(({image}) => image))];
  if (!found) throw new UsageError('unknown-build', {image: reference, known});
  return {disk: await readDiskOf(found, store), name: found.image};
}

/** The image that was built last.
 * @throws {UsageError} `unknown-build` when the store has none.
 */
export async function lastImage(store: Store): Promise<NamedImage> {
  const [last] = await keptImages(store);
  if (!last) throw new UsageError('unknown-build', {image: 'the last one built', known: []});
  return {disk: await readDiskOf(last, store), name: last.image};
}

/** The records whose image a reference means, the last built first. */
export function matchRecords(reference: string, records: readonly ImageRecord[]): ImageRecord[] {
  const exact = records.filter(({image}) => image === reference);
  if (exact.length > 0) return exact;
  const start = reference.replace(':', '-');
  return records.filter(
    ({image, outputs}) =>
      image.startsWith(`${start}-`) ||
      (/^[0-9a-f]{7,64}$/.test(reference) && outputs.some(({sha256}) => sha256.startsWith(reference))),
  );
}

async function keptImages(store: Store): Promise<ImageRecord[]> {
  const records = await readImageRecords(store);
  const results = await Promise.all(records.map(({key}) => store.look('images', key)));
  return records.filter((_, i) => results[i] !== undefined);
}

/** Reads the disk of an image in the store: the qcow2 where there is one, else the raw file. */
async function readDiskOf({key, image, outputs}: ImageRecord, store: Store): Promise<DiskFile> {
  const [disk] = (['qcow2', 'raw'] as const).flatMap(
    (format) => outputs.find((output) => output.format === format) ?? [],
  );
  if (disk) return readDiskFile(`${store.folder}/images/${key}/${disk.name}`);
  const formats = outputs.map(({format}) => format).join(', ');
  throw new UsageError('not-a-disk-image', {
    path: image,
    problem: `it was built as ${formats} only, none of which is a disk`,
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}
