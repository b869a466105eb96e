import {createReadStream} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {CloudError, UsageError, type World} from '../base/index.js';
import type {Glance, GlanceImage, ImageData, NewImage} from '../cloud/index.js';
import type {ImageToLoad} from './image-to-load.js';

/** An image's record and what its data has to be. */
export interface UploadOrder {
  readonly record: NewImage;
  readonly wanted: ImageToLoad;
  /** Glance is to fetch the data from there by itself (its import method `web-download`). */
  readonly fromUrl?: string | undefined;
}

/** For as long as Glance says that it is at work on an import, which takes one pass over the data or more. */
const importWithinMs = 3_600_000;
/** For an upload whose answer was lost: Glance may still be storing what it has got. */
const settleWithinMs = 60_000;
const pollMs = 1000;

/** Brings a file's content into Glance under a new record. An upload that fails leaves no record, save where the cloud is out of
 * reach: then the next run removes it.
 * @throws {CloudError} by cause; `image-rejected` when Glance hasn't got the content, whole
 * @throws {UsageError} `import-not-offered`
 */
export async function uploadImage({record, wanted, fromUrl}: UploadOrder, glance: Glance, world: World): Promise<void> {
  const {id} = record;
  if (fromUrl !== undefined) await requireMethod('web-download', glance);
  try {
    await glance.create(record);
    if (fromUrl === undefined) await send(id, wanted, glance, world);
    else await glance.import(id, {method: 'web-download', url: fromUrl});
    confirmContent(wanted, await settled(id, importWithinMs, glance, world));
  } catch (error) {
    if (!world.signal.aborted && (await cameThrough(id, wanted, glance, world, error))) return;
    await glance.discard(id);
    if (fromUrl === undefined) tellRepeated(wanted, world);
    throw error;
  }
}

/** In one request where that is allowed; where it isn't, over Glance's staging area. */
async function send(id: string, wanted: ImageToLoad, glance: Glance, world: World): Promise<void> {
  const data: ImageData = {sizeBytes: wanted.disk.fileSizeBytes, open: () => readWithProgress(wanted, world)};
  try {
    await glance.upload(id, data);
  } catch (error) {
    const isForbidden = error instanceof CloudError && error.code === 'not-authorized';
    if (!isForbidden || !(await glance.importMethods()).includes('glance-direct')) throw error;
    world.emit({type: 'note', text: 'the cloud allows no direct upload: the image is staged, then imported'});
    await glance.stage(id, data);
    await glance.import(id, {method: 'glance-direct'});
  }
}

async function requireMethod(method: string, glance: Glance): Promise<void> {
  const offered = await glance.importMethods();
  if (offered.includes(method)) return;
  throw new UsageError('import-not-offered', {method, offered});
}

function readWithProgress({disk: {path, fileSizeBytes: total}}: ImageToLoad, world: World) {
  let done = 0;
  return createReadStream(path, {highWaterMark: 1 << 18}).on('data', (chunk) => {
    done += chunk.length;
    world.emit({type: 'progress', what: 'upload', done, total, unit: 'bytes'});
  });
}

const unsettled = new Set(['saving', 'importing', 'uploading']);

/** The image once Glance is no longer at work on it, or as it is when the time is over. */
async function settled(id: string, withinMs: number, glance: Glance, world: World): Promise<GlanceImage | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const image = await glance.show(id);
    const isImporting = image?.status === 'queued' && Boolean(image.properties.os_glance_importing_to_stores);
    if (!image || !(unsettled.has(image.status) || isImporting) || performance.now() > deadline) return image;
    await sleep(pollMs, undefined, {signal: world.signal}).catch(() => world.signal.throwIfAborted());
  }
}

/** Whether all the data is there although the upload ended with an error: only its answer was lost. */
async function cameThrough(
  id: string,
  wanted: ImageToLoad,
  glance: Glance,
  world: World,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof CloudError) || error.code === 'image-rejected') return false;
  try {
    confirmContent(wanted, await settled(id, settleWithinMs, glance, world));
  } catch (again) {
    if (!(again instanceof CloudError)) throw again;
    return false; // the first error tells more
  }
  world.emit({type: 'note', text: `Glance has the whole image, though its answer was lost: ${error.message}`});
  return true;
}

function tellRepeated({disk}: ImageToLoad, world: World): void {
  const size = `${Math.ceil(disk.fileSizeBytes / 1024 ** 2)} MiB`;
  world.emit({type: 'note', text: `Glance can't append to an upload: the next run sends all ${size} again`});
}

/** @throws {CloudError} `image-rejected` when Glance hasn't got the file's content, whole. */
export function confirmContent({disk, digests, name}: ImageToLoad, image: GlanceImage | undefined): void {
  const problem = contentProblem();
  if (problem) throw new CloudError('image-rejected', {image: image?.name ?? name, problem});

  function contentProblem(): string | undefined {
    if (!image) return 'it was deleted while it was loaded';
    const failed = image.properties.os_glance_failed_import;
    if (failed) return `its import into ${failed} failed`;
    if (image.status !== 'active') return `its status is "${image.status}" after the upload`;
    if (image.sizeBytes !== disk.fileSizeBytes) return `Glance holds ${image.sizeBytes} of ${disk.fileSizeBytes} bytes`;
    const mine = {sha256: digests.sha256, sha512: digests.sha512}[image.digest?.algorithm ?? ''];
    return mine && mine !== image.digest?.value ? 'its content in Glance differs from the file' : undefined;
  }
}
