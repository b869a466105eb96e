import {basename, resolve} from 'node:path';
import {readFileIfThere, UsageError, type World} from '../base/index.js';
import {type GlanceImage, glanceClient, openSession, readCloudSettings} from '../cloud/index.js';
import {digestDiskFile} from '../disk/index.js';
import {checkPassport, type KnownContent, type PassportState} from '../passport/index.js';
import {findImage} from './find-image.js';
import {type ReadManifest, readManifest} from './image-manifest.js';
import {readPassport} from './passport-file.js';
import {bootsProven} from './proofs.js';
import {readImage} from './read-image.js';
import {trustedKeys} from './signing-keys.js';
import {openWorkshop} from './workshop.js';

export interface InspectRequest {
  /** A file, an image of the store by name or digest, or `glance:NAME` with the name or id of an image in a cloud. */
  readonly image: string;
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  /** File with the passport; default: the one beside the image. */
  readonly passport?: string | undefined;
}

/** What is known of an image. */
export interface InspectedImage {
  readonly image: string;
  readonly file?: string;
  /** Absent for an image in a cloud. */
  readonly content?: {readonly sha256: string; readonly sha512: string; readonly sizeBytes: number};
  /** What it says of itself; an image in a cloud says so by its passport alone. */
  readonly manifest?: ReadManifest;
  readonly passport: PassportState;
  /** Firmware with which this machine saw these very bytes boot and serve. */
  readonly bootProven: readonly ('bios' | 'uefi')[];
  readonly glance?: InspectedGlanceImage;
}

export type InspectedGlanceImage = Pick<GlanceImage, 'id' | 'status' | 'visibility' | 'sizeBytes' | 'digest'> & {
  readonly cloud: string;
  /** What it is said to be, by whoever may write its properties. */
  readonly properties: Readonly<Record<string, string>>;
};

/** Reads what an image is: its manifest, its passport and what that is worth, what is proven of it.
 * @throws {UsageError} `unknown-build`, `not-a-disk-image`, `unusable-key`, `file-not-found`, `unknown-image`, …
 * @throws {StepError} `image-unsound` when it is too damaged to be read
 * @throws {CloudError} when the cloud is at fault
 */
export async function inspectImage(request: InspectRequest, world: World): Promise<InspectedImage> {
  const {image} = request;
  return image.startsWith('glance:')
    ? await inspectInGlance(image.slice('glance:'.length), request, world)
    : await inspectFile(request, world);
}

async function inspectFile({image, passport}: InspectRequest, world: World): Promise<InspectedImage> {
  await using workshop = await openWorkshop(world);
  const {disk, name} = await findImage(image, workshop.store);
  const digests = await digestDiskFile(disk.path, world.signal, () => {});
  const {content} = await readImage(disk, workshop, world);
  const manifest = readManifest(content.texts);
  return {
    image: name,
    file: resolve(disk.path),
    content: {...digests, sizeBytes: disk.fileSizeBytes},
    ...(manifest ? {manifest} : {}),
    passport: passport
      ? await readNamedPassport(passport, digests, world)
      : await readPassport(disk.path, digests, world),
    bootProven: await bootsProven(digests.sha256, world),
  };
}

/** Glance computes the digest of what it holds itself, so that a passport proves the image in the cloud without a download. */
async function inspectInGlance(name: string, request: InspectRequest, world: World): Promise<InspectedImage> {
  await using session = await openSession(await readCloudSettings(world, request), world);
  const cloud = session.settings.name;
  const image = await findInGlance(name, cloud, glanceClient(session));
  const {id, status, visibility, sizeBytes, digest, properties} = image;
  const passport = await passportInGlance(image, cloud, request.passport, world);
  const proven = passport.kind === 'good' ? passport.statement.subject[0].digest.sha256 : undefined;
  return {
    image: image.name,
    passport,
    bootProven: proven === undefined ? [] : await bootsProven(proven, world),
    glance: {
      cloud,
      id,
      status,
      visibility,
      ...(sizeBytes === undefined ? {} : {sizeBytes}),
      ...(digest ? {digest} : {}),
      properties,
    },
  };
}

async function findInGlance(
  name: string,
  cloud: string,
  glance: ReturnType<typeof glanceClient>,
): Promise<GlanceImage> {
  const byId = await glance.show(name);
  if (byId) return byId;
  const [first, ...others] = await glance.list({name});
  if (first && others.length === 0) return first;
  const problem = first ? `${others.length + 1} have this name: give an id` : 'there is none of this name or id';
  throw new UsageError('unknown-image', {image: name, cloud, problem});
}

async function passportInGlance(
  {name, digest, properties}: GlanceImage,
  cloud: string,
  file: string | undefined,
  world: World,
): Promise<PassportState> {
  const announced = properties.trovestack_key;
  if (file === undefined) return announced === undefined ? {kind: 'none'} : {kind: 'elsewhere', keyId: announced};
  if (digest?.algorithm !== 'sha512' && digest?.algorithm !== 'sha256') {
    const problem = 'the cloud has no sha512 or sha256 of it to check a passport with';
    throw new UsageError('unknown-image', {image: name, cloud, problem});
  }
  const content = digest.algorithm === 'sha512' ? {sha512: digest.value} : {sha256: digest.value};
  const state = await readNamedPassport(file, content, world);
  const loadedWith = properties.trovestack_passport;
  if (state.kind !== 'good' || loadedWith === undefined || loadedWith === state.digest) return state;
  return {kind: 'bad', problem: `"${basename(file)}" is not the passport that it was loaded with`};
}

async function readNamedPassport(path: string, content: KnownContent, world: World): Promise<PassportState> {
  const text = await readFileIfThere(path);
  if (text === undefined) throw new UsageError('file-not-found', {path, what: 'passport'});
  return checkPassport(text, content, await trustedKeys(world));
}
