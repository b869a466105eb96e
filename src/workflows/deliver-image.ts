import {createHash, randomBytes} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {access, constants, mkdir, rename, rm, stat} from 'node:fs/promises';
import {basename, dirname, parse} from 'node:path';
import {
  formatJson,
  parseJson,
  readFileIfThere,
  runOrThrow,
  type Sha256,
  systemErrorCode,
  UsageError,
  writeFileWhole,
} from '../base/index.js';
import {formatEndings, type ImageFormat} from '../image/index.js';
import {sbomEndings} from '../inspection/index.js';
import {type StoredResult, storeError} from '../store/index.js';
import type {ImageFacts, ImageOutput} from './assemble-disk.js';
import {billName} from './bill-of-materials.js';
import {sidecarPath} from './image-sidecar.js';

export interface DeliveredImage {
  readonly file: string;
  readonly format: ImageFormat;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  /** Whether the file had the same content before. */
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

/** How files are put where a person wants them. */
export interface Delivery {
  /** Without the ending, which each format has of its own. */
  readonly stem: string;
  /** The file of the only format, when its whole name was asked for. */
  readonly file?: string;
  /** Also write `FILE.md5` and `FILE.sha256`. */
  readonly hasChecksums: boolean;
  /** Rename a file that is there, as diskimage-builder does, instead of replacing it. */
  readonly keepsOlder: boolean;
  /** Whether a manifest is written beside each file, and the bills of materials beside all. */
  readonly hasManifest: boolean;
}

/** The file that an image is written to in a format. */
export function deliveredPath({stem, file}: Pick<Delivery, 'stem' | 'file'>, format: ImageFormat): string {
  return file ?? `${stem}.${formatEndings[format]}`;
}

/** Copies a finished image's files out of the store; what was there before stays until the copy is whole.
 * @throws {HostError} `disk-full`, `no-access`
 */
export async function deliverImage(
  image: StoredResult<ImageFacts>,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<DeliveredImage[]> {
  const delivered: DeliveredImage[] = [];
  for (const output of image.facts.outputs) {
    const file = deliveredPath(delivery, output.format);
    try {
      await mkdir(dirname(file), {recursive: true});
      const isUnchanged = await deliverOne(`${image.folder}/${output.name}`, file, delivery, signal);
      const {format, sha256, sizeBytes} = output;
      delivered.push({file, format, sha256, sizeBytes, isUnchanged});
      if (delivery.hasChecksums) await writeChecksums(file, sha256, signal);
      if (delivery.hasManifest) await writeManifest(image, output, file);
    } catch (error) {
      throw storeError(error, file);
    }
  }
  if (delivery.hasManifest) await writeBills(image, delivery.stem);
  return delivered;
}

/** The bills of materials, one of each format for all of an image's files. */
async function writeBills({folder}: StoredResult<ImageFacts>, stem: string): Promise<void> {
  for (const ending of sbomEndings) {
    const text = await readFileIfThere(`${folder}/${billName(ending)}`);
    const file = `${stem}.${ending}`;
    if (text === undefined) continue;
    await writeFileWhole(file, text).catch((error: unknown) => {
      throw storeError(error, file);
    });
  }
}

/** @returns Whether the file was there already, with the same content. */
async function deliverOne(stored: string, file: string, {keepsOlder}: Delivery, signal: AbortSignal): Promise<boolean> {
  if (await isCopy(stored, file)) return true;
  if (keepsOlder) await setAside(file);
  await copyWhole(stored, file, signal);
  return false;
}

/** `image.qcow2` becomes `image-2026.11.22-20.15.00.qcow2`, its checksums with it. */
async function setAside(file: string): Promise<void> {
  const found = await stat(file).catch(noneIfMissing);
  if (!found) return;
  const {dir, name, ext} = parse(file);
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString();
  const older = `${dir}/${name}-${now.slice(0, 10).replaceAll('-', '.')}-${now.slice(11, 19).replaceAll(':', '.')}${ext}`;
  for (const more of ['', '.md5', '.sha256']) {
    if (await stat(`${file}${more}`).catch(noneIfMissing)) await rename(`${file}${more}`, `${older}${more}`);
  }
}

/** In the form that md5sum and sha256sum check. */
async function writeChecksums(file: string, sha256: Sha256, signal: AbortSignal): Promise<void> {
  const md5 = createHash('md5');
  for await (const chunk of createReadStream(file, {highWaterMark: 1 << 18, signal})) md5.update(chunk);
  await writeFileWhole(`${file}.md5`, `${md5.digest('hex')}  ${basename(file)}\n`);
  await writeFileWhole(`${file}.sha256`, `${sha256}  ${basename(file)}\n`);
}

async function writeManifest(image: StoredResult<ImageFacts>, output: ImageOutput, file: string): Promise<void> {
  const {sha256, sizeBytes} = output;
  const {virtualSizeBytes} = image.facts;
  const base = parseJson((await readFileIfThere(`${image.folder}/manifest.json`)) ?? '{}') as object;
  const facts = {sha256, sizeBytes, ...(virtualSizeBytes === undefined ? {} : {virtualSizeBytes})};
  await writeFileWhole(sidecarPath(file), `${formatJson({...base, ...facts}, 2)}\n`);
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

/** Holes stay holes, and where the file system shares blocks nothing is copied. */
async function copyWhole(stored: string, file: string, signal: AbortSignal): Promise<void> {
  const part = `${file}.${randomBytes(4).toString('hex')}.part`;
  const copy = ['cp', '--reflink=auto', '--sparse=always', '--preserve=timestamps', '--', stored, part];
  try {
    await runOrThrow('writing the image', copy, {signal, cwd: dirname(file)});
    await rename(part, file);
  } catch (error) {
    await rm(part, {force: true});
    throw error;
  }
}
