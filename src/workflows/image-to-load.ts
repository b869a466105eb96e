import {readFile} from 'node:fs/promises';
import {type Sha256, systemErrorCode, UsageError, type World} from '../base/index.js';
import type {Visibility} from '../cloud/index.js';
import {
  type ChosenVersion,
  type ConfigurationParameter,
  chooseVersion,
  type DatastoreDefinition,
  type DatastoreVersion,
  parseValidationRules,
  readCatalogue,
  validationRulesFrom,
  type WantedImage,
} from '../datastore/index.js';
import {type ContentDigests, type DiskFile, digestDiskFile} from '../disk/index.js';
import {type PassportState, passportProperties} from '../passport/index.js';
import {evidenceProperties} from './image-gate.js';
import {type ImageSidecar, readSidecar, sidecarPath} from './image-sidecar.js';
import {readPassport} from './passport-file.js';
import {bootsProven} from './proofs.js';

/** An image file with all that a cloud is told of it. */
export interface ImageToLoad {
  readonly disk: DiskFile;
  readonly digests: ContentDigests;
  readonly datastore: DatastoreDefinition;
  readonly version: DatastoreVersion;
  /** What the image's build said of it; absent for images that weren't built here. */
  readonly sidecar?: ImageSidecar;
  readonly parameters: readonly ConfigurationParameter[];
  readonly name: string;
  readonly visibility: Visibility;
  readonly minDiskGiB: number;
  /** What was proven of these bytes on this machine. */
  readonly proof: 'none' | 'boot';
  /** What stands beside the file, and what it is worth here. */
  readonly passport: PassportState;
}

export interface ImageChoice {
  readonly datastore?: string | undefined;
  readonly validationRules?: string | undefined;
  readonly name?: string | undefined;
  readonly visibility?: Visibility | undefined;
}

/** Reads what stands beside a disk image file, and the file's digests.
 * @throws {UsageError} `not-a-disk-image` when its manifest describes other content; `file-not-found`, `unknown-datastore`, `unknown-version`, `bad-argument`, `unreadable-file`
 */
export async function readImageToLoad(disk: DiskFile, choice: ImageChoice, world: World): Promise<ImageToLoad> {
  const sidecar = await readSidecar(disk.path);
  const {datastore, version} = await chooseFor(disk.path, choice, sidecar, world);
  const parameters = await readParameters(disk.path, choice, sidecar);
  if (parameters.length === 0) {
    const text = `no configuration parameters are known for it: users can't change settings of ${datastore.name}`;
    world.emit({type: 'warning', text: `${text} (--validation-rules FILE brings them)`});
  }
  const digests = await digestDiskFile(disk.path, world.signal, (done) =>
    world.emit({type: 'progress', what: 'digest', done, total: disk.fileSizeBytes, unit: 'bytes'}),
  );
  if (sidecar?.sha256 && sidecar.sha256 !== digests.sha256) {
    const problem = `its content isn't the one that "${sidecarPath(disk.path)}" describes`;
    throw new UsageError('not-a-disk-image', {path: disk.path, problem});
  }
  return {
    disk,
    digests,
    datastore,
    version,
    ...(sidecar ? {sidecar} : {}),
    parameters,
    name: choice.name ?? imageName(datastore.name, version.version, sidecar, digests.sha256),
    visibility: choice.visibility ?? 'private',
    proof: (await bootsProven(digests.sha256, world)).length > 0 ? 'boot' : 'none',
    passport: await readPassport(disk.path, digests, world),
    minDiskGiB: Math.max(datastore.minimum.diskGiB, Math.ceil(disk.virtualSizeBytes / 1024 ** 3)),
  };
}

/** What its copy in Glance has to be like; name and visibility only where they were asked for. */
export function wantedImage(image: ImageToLoad, {name, visibility}: ImageChoice): WantedImage {
  return {
    ...(name === undefined ? {} : {name}),
    ...(visibility === undefined ? {} : {visibility}),
    minDiskGiB: image.minDiskGiB,
    minRamMiB: image.datastore.minimum.ramMiB,
    tags: image.datastore.registration.tags,
    properties: imageProperties(image),
  };
}

/** The image's properties in Glance: the catalogue's, what it is, and how to find it again. Pure. */
function imageProperties(image: ImageToLoad): Record<string, string> {
  const {datastore, version, digests, sidecar} = image;
  return {
    ...datastore.registration.imageProperties,
    trovestack_sha256: digests.sha256,
    trovestack_datastore: datastore.name,
    trovestack_version: version.version,
    ...passportProperties(image.passport),
    ...(image.proof === 'none' ? {} : {[evidenceProperties.proof]: image.proof}),
    ...(sidecar
      ? {
          [evidenceProperties.series]: sidecar.series,
          architecture: machineNames[sidecar.architecture] ?? sidecar.architecture,
          os_distro: sidecar.distribution,
          os_version: sidecar.release,
        }
      : {}),
  };
}

/** Debian's names of architectures → those that Nova knows. */
const machineNames: Readonly<Record<string, string>> = {amd64: 'x86_64', arm64: 'aarch64'};

function imageName(datastore: string, version: string, sidecar: ImageSidecar | undefined, sha256: Sha256): string {
  const made = sidecar ? [sidecar.series, sidecar.distribution, sidecar.release, sidecar.architecture] : [];
  return ['trove', datastore, version, ...made, sha256.slice(0, 12)].join('-');
}

async function chooseFor(
  file: string,
  choice: ImageChoice,
  sidecar: ImageSidecar | undefined,
  world: World,
): Promise<ChosenVersion> {
  const made = sidecar && `${sidecar.datastore}:${sidecar.version}`;
  const asked = choice.datastore ?? made;
  if (!asked) {
    const problem = `nothing says which datastore it is for: there is no "${sidecarPath(file)}"`;
    throw new UsageError('bad-argument', {argument: `"${file}"`, problem, next: 'add --datastore NAME:VERSION'});
  }
  const chosen = chooseVersion(await readCatalogue(world.paths.home), asked);
  const name = `${chosen.datastore.name}:${chosen.version.version}`;
  if (made && made !== name) {
    const problem = `the image was built for ${made}`;
    throw new UsageError('bad-argument', {argument: `--datastore ${name}`, problem, next: 'leave --datastore away'});
  }
  return chosen;
}

async function readParameters(
  file: string,
  choice: ImageChoice,
  sidecar: ImageSidecar | undefined,
): Promise<readonly ConfigurationParameter[]> {
  if (choice.validationRules) {
    const path = choice.validationRules;
    return rulesOrThrow(parseValidationRules(await readRules(path)), path);
  }
  if (sidecar?.configurationParameters === undefined) return [];
  return rulesOrThrow(validationRulesFrom(sidecar.configurationParameters), sidecarPath(file));
}

function rulesOrThrow(parsed: readonly ConfigurationParameter[] | string, path: string) {
  if (typeof parsed !== 'string') return parsed;
  throw new UsageError('unreadable-file', {path, what: 'validation rules', problems: [parsed]});
}

async function readRules(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new UsageError('file-not-found', {path, what: 'validation rules'});
  }
}
