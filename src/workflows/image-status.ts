import type {World} from '../base/index.js';
import {type GlanceImage, listServers, readCloudSettings} from '../cloud/index.js';
import {
  formerStateOf,
  isByTags,
  type LoadedImage,
  nameOf,
  type RegisteredVersion,
  readCatalogue,
  rolledBackProperty,
} from '../datastore/index.js';
import {servingImage} from './activate-image.js';
import {trialMark} from './canary.js';
import {type ImageServices, openImageServices} from './image-services.js';

export interface StatusRequest {
  /** Only this datastore. */
  readonly datastore?: string | undefined;
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
}

/** What a cloud serves, and where that isn't what it might be. */
export interface CloudImages {
  readonly cloud: string;
  readonly versions: readonly VersionStatus[];
  /** Images of ours that no version serves with, newest first. */
  readonly others: readonly ImageStatus[];
  /** In words; none when all is as wanted. */
  readonly drift: readonly string[];
}

export interface VersionStatus {
  readonly datastore: string;
  readonly version: string;
  readonly id: string;
  readonly isActive: boolean;
  readonly isDefault: boolean;
  readonly findsImageBy: 'id' | 'tags';
  readonly parameters: number;
  /** What an instance boots from, if it is made now. */
  readonly image?: ImageStatus;
  /** What a rollback would go back to. */
  readonly rollback?: {readonly imageId?: string; readonly isActive: boolean};
}

export interface ImageStatus {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly createdAt: string;
  readonly sha256?: string;
  readonly series?: string;
  readonly isRolledBack: boolean;
  /** Servers that were booted from it; absent where the cloud runs none. */
  readonly usedBy?: readonly string[];
}

/** Reads what a cloud has registered against what was loaded into it. Changes nothing.
 * @throws {CloudError}
 */
export async function imageStatus(request: StatusRequest, world: World): Promise<CloudImages> {
  const catalogue = await readCatalogue(world.paths.home);
  await using services = await openImageServices(await readCloudSettings(world, request), world);
  const users = await readUsers(services);
  const isAsked = (datastore: string | undefined) => !request.datastore || datastore === request.datastore;
  const rows = (await services.trove.list()).filter(({datastore}) => isAsked(datastore));
  const loaded = (await ourImages(services, catalogue.keys())).filter((image) =>
    isAsked(image.properties.trovestack_datastore),
  );
  const read = await Promise.all(rows.map((row) => readVersion(row, services)));
  const versions = read.map(({row, image, parameters}) => versionStatus(row, image, parameters, users));
  const serving = new Set(read.flatMap(({image}) => (image ? [image.id] : [])));
  const others = loaded.filter(({id}) => !serving.has(id));
  return {
    cloud: services.session.settings.name,
    versions,
    others: others.map((image) => statusOf(image, users)),
    drift: read.flatMap(({row, image}) => driftOf(row, image, loaded)).concat(withoutVersion(others, rows)),
  };
}

/** What was booted from each image, by the image's id; undefined where the cloud runs no servers.
 * @throws {CloudError} when it runs some and doesn't tell
 */
export async function readUsers({session}: ImageServices): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  if (!(await session.offers('compute'))) return undefined;
  const users = new Map<string, string[]>();
  for (const {imageId, name, id} of await listServers(session)) {
    if (imageId !== undefined) users.set(imageId, [...(users.get(imageId) ?? []), `${name} (${id})`]);
  }
  return users;
}

/** All images that were loaded for these datastores, in any state, newest first. */
export async function ourImages({glance}: ImageServices, datastores: Iterable<string>): Promise<GlanceImage[]> {
  const lists = await Promise.all([...datastores].map((name) => glance.list({trovestack_datastore: name})));
  return lists.flat();
}

interface ReadVersion {
  readonly row: RegisteredVersion;
  readonly image: GlanceImage | undefined;
  readonly parameters: number;
}

async function readVersion(row: RegisteredVersion, services: ImageServices): Promise<ReadVersion> {
  const image = await servingImage(row, services);
  return {row, image, parameters: (await services.trove.listParameters(row.id)).length};
}

type Users = ReadonlyMap<string, readonly string[]> | undefined;

function versionStatus(
  row: RegisteredVersion,
  image: GlanceImage | undefined,
  parameters: number,
  users: Users,
): VersionStatus {
  const {datastore, name: version, id, isActive, isDefault} = row;
  const rollback = image && formerStateOf(image);
  return {
    ...{datastore, version, id, isActive, isDefault, parameters},
    findsImageBy: isByTags(row) ? 'tags' : 'id',
    ...(image ? {image: statusOf(image, users)} : {}),
    ...(rollback ? {rollback} : {}),
  };
}

function statusOf({id, name, status, createdAt, properties}: LoadedImage, users: Users): ImageStatus {
  const {trovestack_sha256: sha256, trovestack_series: series} = properties;
  return {
    ...{id, name, status, createdAt},
    ...(sha256 ? {sha256} : {}),
    ...(series ? {series} : {}),
    isRolledBack: Boolean(properties[rolledBackProperty]),
    ...(users ? {usedBy: users.get(id) ?? []} : {}),
  };
}

/** Where a version isn't what it might be. */
function driftOf(row: RegisteredVersion, image: GlanceImage | undefined, loaded: readonly LoadedImage[]): string[] {
  const name = nameOf(row);
  if (row.name.includes(trialMark)) return [`${name} was left by an interrupted trial`];
  if (!image) return [`${name} has no image: ${row.imageId ?? `none with tags ${row.imageTags.join(', ')}`}`];
  if (image.status !== 'active') return [`the image of ${name} is ${image.status}`];
  const newer = loaded.find(
    (other) =>
      other.status === 'active' &&
      other.properties.trovestack_datastore === row.datastore &&
      other.properties.trovestack_version === row.name &&
      other.createdAt > image.createdAt &&
      !other.properties[rolledBackProperty],
  );
  return [
    ...(row.isActive ? [] : [`${name} is not active`]),
    ...(newer ? [`${name} serves with ${image.name}, and ${newer.name} is newer`] : []),
  ];
}

/** Whole images of versions that nobody has registered. */
function withoutVersion(images: readonly LoadedImage[], rows: readonly RegisteredVersion[]): string[] {
  return images.flatMap(({name, status, properties}) => {
    const {trovestack_datastore: datastore, trovestack_version: version} = properties;
    if (status !== 'active') return [`image ${name} is ${status}: its upload didn't end`];
    const isRegistered = rows.some((row) => row.datastore === datastore && row.name === version);
    return isRegistered ? [] : [`image ${name} is there, but ${datastore} ${version} is not registered`];
  });
}
