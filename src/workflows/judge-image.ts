import {readFile} from 'node:fs/promises';
import {systemErrorCode, UsageError, type World} from '../base/index.js';
import {type ChosenVersion, chooseVersion, readCatalogue} from '../datastore/index.js';
import type {DiskFile} from '../disk/index.js';
import {findSeries} from '../image/index.js';
import {examine, type Judgement, judge, type Purpose, parseWaivers, rules, type Waiver} from '../rules/index.js';
import {type ReadManifest, readManifest} from './image-manifest.js';
import {openImageTools} from './image-tools.js';
import {probeDisk} from './probe-disk.js';
import {readImage} from './read-image.js';
import type {Workshop} from './workshop.js';

/** What an image is to be judged for. */
export interface JudgedFor {
  /** `mariadb` or `mariadb:11.8`; default: what the image says of itself. */
  readonly datastore?: string | undefined;
  /** File of waivers. */
  readonly waivers?: string | undefined;
}

export interface JudgedImage {
  readonly judgement: Judgement;
  /** What it serves; absent when neither the request nor the image says, or the catalogue doesn't know. */
  readonly chosen?: ChosenVersion;
}

/** Reads an image without mounting it and asks every rule.
 * @throws {UsageError} `not-a-disk-image`, `invalid-file`, `file-not-found`, `unknown-datastore`, `unknown-version`
 * @throws {StepError} `image-unsound` when it is too damaged to be read.
 */
export async function judgeImage(
  disk: DiskFile,
  asked: JudgedFor,
  workshop: Workshop,
  world: World,
): Promise<JudgedImage> {
  const waivers = asked.waivers === undefined ? [] : await readWaivers(asked.waivers);
  const tools = await openImageTools(disk, workshop, world);
  const {content} = await readImage(disk, workshop, world, tools);
  for (const text of content.notes) world.emit({type: 'note', text});
  const said = readManifest(content.texts);
  const chosen = await choose(asked.datastore, said, world);
  const probes = await probeDisk(disk, content, tools);
  const purpose = chosen && purposeOf(chosen, said?.series);
  const today = new Date().toISOString().slice(0, 10);
  const judgement = judge(examine(content, probes, purpose), rules, waivers, today);
  for (const text of judgement.remarks) world.emit({type: 'warning', text});
  return {judgement, ...(chosen ? {chosen} : {})};
}

async function readWaivers(path: string): Promise<readonly Waiver[]> {
  try {
    return await parseWaivers(path, await readFile(path, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path, what: 'file of waivers'});
    throw error;
  }
}

async function choose(
  asked: string | undefined,
  said: ReadManifest | undefined,
  world: World,
): Promise<ChosenVersion | undefined> {
  const catalogue = await readCatalogue(world.paths.home);
  if (asked !== undefined) return chooseVersion(catalogue, asked);
  if (!said) return undefined;
  try {
    return chooseVersion(catalogue, `${said.datastore}:${said.version}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const text = `the image says that it serves ${said.datastore} ${said.version}, which the catalogue doesn't have`;
    world.emit({type: 'warning', text});
    return undefined;
  }
}

function purposeOf({datastore, version}: ChosenVersion, seriesName: string | undefined): Purpose {
  const series = seriesName === undefined ? undefined : findSeries(seriesName);
  return {
    datastore: datastore.name,
    version: version.version,
    manager: datastore.manager,
    container: `${version.container.image}:${version.container.tag}`,
    mountPoint: datastore.mountPoint,
    ports: datastore.ports.filter((port) => typeof port === 'number'),
    diskGiB: datastore.minimum.diskGiB,
    ...(series ? {series} : {}),
  };
}
