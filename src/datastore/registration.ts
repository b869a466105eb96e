/** A datastore version as Trove has it registered. */
export interface RegisteredVersion {
  readonly id: string;
  readonly datastore: string;
  readonly manager: string;
  readonly name: string;
  /** Trove's version number of it; the same as its name unless an operator chose otherwise. */
  readonly version: string;
  readonly imageId?: string;
  readonly imageTags: readonly string[];
  readonly isActive: boolean;
  readonly isDefault: boolean;
}

/** How a version finds its image. Of both, the id counts, and the tags are kept for when it is activated. */
export interface ImageChoice {
  readonly imageId?: string;
  readonly tags?: readonly string[];
}

/** What Glance is told of an image besides its content. */
export interface ImageDescription {
  readonly name: string;
  readonly visibility: string;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** An image in Glance, as far as the plan needs it. */
export interface LoadedImage extends ImageDescription {
  readonly id: string;
  readonly status: string;
  readonly createdAt: string;
  /** Glance deletes it for nobody. */
  readonly isProtected?: boolean;
}

/** What an image has to be like. Absent: as it is. Tags and properties beyond these are nobody's concern here. */
export type WantedImage = Omit<ImageDescription, 'name' | 'visibility'> &
  Partial<Pick<ImageDescription, 'name' | 'visibility'>>;

/** What happens to the image's copy in Glance, and why. */
export type ImageDecision =
  | {readonly kind: 'upload'; readonly reason: string}
  | {
      readonly kind: 'update';
      readonly image: LoadedImage;
      readonly changes: Partial<ImageDescription>;
      readonly reason: string;
    }
  | {readonly kind: 'reuse'; readonly image: LoadedImage};

/** What happens to an image whose upload did not end. */
export interface LeftoverDecision {
  readonly kind: 'remove' | 'leave';
  readonly image: LoadedImage;
  readonly reason: string;
}

/** What happens to the datastore version in Trove when an image is loaded, and why. */
export type VersionDecision =
  | {readonly kind: 'create'; readonly reason: string; readonly tags?: readonly string[]}
  | {
      readonly kind: 'set image';
      readonly version: RegisteredVersion;
      readonly reason: string;
      readonly tags?: readonly string[];
    }
  | {readonly kind: 'keep'; readonly version: RegisteredVersion; readonly reason: string};

/** Decides about the image. Pure.
 * @param sameContent Images whose recorded digest is the file's.
 * @param registeredId The one that the datastore version is on: of several with one content it is the one to go on with.
 */
export function planImage(
  sameContent: readonly LoadedImage[],
  wanted: WantedImage,
  registeredId?: string,
): ImageDecision {
  const whole = sameContent.filter(({status}) => status === 'active');
  const image = whole.find(({id}) => id === registeredId) ?? whole[0];
  if (!image) return {kind: 'upload', reason: 'not in the cloud yet'};
  const changes = changesOf(image, wanted);
  const names = Object.keys(changes).map((name) => memberNames[name as keyof ImageDescription]);
  if (names.length === 0) return {kind: 'reuse', image};
  return {kind: 'update', image, changes, reason: `the same content, with other ${names.join(', ')}`};
}

const memberNames: Readonly<Record<keyof ImageDescription, string>> = {
  name: 'name',
  visibility: 'visibility',
  minDiskGiB: 'minimum of disk',
  minRamMiB: 'minimum of memory',
  tags: 'tags',
  properties: 'properties',
};

/** An upload sends its data at once after it has made the record: a record that has none after this time waits for nobody. */
const leftoverAgeMs = 10 * 60_000;

/** Decides about images that have a record and no data. Pure.
 * @param now By the cloud's clock.
 */
export function planLeftovers(sameContent: readonly LoadedImage[], now: Date): LeftoverDecision[] {
  return sameContent
    .filter(({status}) => status === 'queued' || status === 'killed')
    .map((image) =>
      now.getTime() - new Date(image.createdAt).getTime() > leftoverAgeMs
        ? {kind: 'remove', image, reason: "its upload broke off, and Glance can't append to one"}
        : {kind: 'leave', image, reason: 'made a moment ago: another load may be at work on it'},
    );
}

/** Decides about the version. One that is active keeps serving with its image until it is activated anew. Pure.
 * @param imageId Undefined while the image has no copy in the cloud.
 * @param tags Those that the version is to find its image by once it is activated; none: by the image's id.
 */
export function planVersion(
  registered: RegisteredVersion | undefined,
  imageId: string | undefined,
  tags: readonly string[] = [],
): VersionDecision {
  const byTags = tags.length ? {tags} : {};
  if (!registered) return {kind: 'create', reason: 'not registered', ...byTags};
  const hasTags = tags.every((tag) => registered.imageTags.includes(tag));
  if (imageId !== undefined && registered.imageId === imageId && (hasTags || registered.isActive)) {
    return {kind: 'keep', version: registered, reason: 'already on this image'};
  }
  if (registered.isActive) {
    return {kind: 'keep', version: registered, reason: 'active on another image until the new one is activated'};
  }
  const reason = registered.imageId === imageId ? 'inactive, with other tags' : 'inactive, on another image';
  return {kind: 'set image', version: registered, reason, ...byTags};
}

/** The tags that an image may get before it is activated: none that an active version selects by, since Trove takes the newest
 * image that has them, at once. Pure.
 */
export function safeTags(tags: readonly string[], versions: readonly RegisteredVersion[]): readonly string[] {
  const selecting = new Set(versions.filter(isSelecting).flatMap(({imageTags}) => imageTags));
  return tags.filter((tag) => !selecting.has(tag));
}

function isSelecting(version: RegisteredVersion): boolean {
  return version.isActive && version.imageId === undefined;
}

function changesOf(image: LoadedImage, wanted: WantedImage): Partial<ImageDescription> {
  const {name = image.name, visibility = image.visibility, minDiskGiB, minRamMiB} = wanted;
  const tags = wanted.tags.filter((tag) => !image.tags.includes(tag));
  const properties = Object.entries(wanted.properties).filter(([key, value]) => image.properties[key] !== value);
  return {
    ...(name === image.name ? {} : {name}),
    ...(visibility === image.visibility ? {} : {visibility}),
    ...(minDiskGiB === image.minDiskGiB ? {} : {minDiskGiB}),
    ...(minRamMiB === image.minRamMiB ? {} : {minRamMiB}),
    ...(tags.length ? {tags: [...image.tags, ...tags]} : {}),
    ...(properties.length ? {properties: Object.fromEntries(properties)} : {}),
  };
}

/** The registered version of this name, or undefined. */
export function findVersion(
  registered: readonly RegisteredVersion[],
  datastore: string,
  version: string,
): RegisteredVersion | undefined {
  return registered.find((row) => row.datastore === datastore && row.name === version);
}
