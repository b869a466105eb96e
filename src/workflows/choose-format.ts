import {access} from 'node:fs/promises';
import {UsageError, type World} from '../base/index.js';
import {type DiskFile, readDiskFile} from '../disk/index.js';
import type {ImageServices} from './image-services.js';

/** The form in which a cloud is to have an image. `auto`: raw where its store copies raw images at no cost, else as the file is. */
export type LoadFormat = 'auto' | 'qcow2' | 'raw';

/** The file to load: the one that was named, or the same image in the other form beside it, as `image build --format qcow2,raw`
 * leaves them. Says how it was chosen.
 * @throws {UsageError} `bad-argument` when a form is asked for that isn't there
 */
export async function chooseFormat(
  disk: DiskFile,
  asked: LoadFormat,
  {glance}: ImageServices,
  world: World,
): Promise<DiskFile> {
  const store = asked === 'auto' ? await glance.defaultStoreType() : undefined;
  // Ceph clones raw images in place; of qcow2 each server gets a converted copy.
  const format = asked === 'auto' ? (store === 'rbd' ? 'raw' : disk.format) : asked;
  if (format === disk.format) return disk;
  const other = disk.path.replace(/(\.(?:qcow2|raw|img))?$/, `.${format}`);
  const build = `trovestack image build DATASTORE --format ${disk.format},${format} writes both, side by side`;
  if (await isThere(other)) {
    const found = await readDiskFile(other);
    if (found.format === format) {
      const why = store === undefined ? 'as asked' : `the cloud keeps images in ${store}`;
      world.emit({type: 'note', text: `"${other}" is loaded: ${format}, ${why}`});
      return found;
    }
  }
  if (asked === 'auto') {
    world.emit({type: 'warning', text: `the cloud keeps images in ${store}, where ${format} is better: ${build}`});
    return disk;
  }
  const problem = `"${disk.path}" is ${disk.format}, and there is no "${other}"`;
  throw new UsageError('bad-argument', {argument: `--format ${format}`, problem, next: build});
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
