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

/** An image in Glance, as far as the plan needs it. */
export interface LoadedImage {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly createdAt: string;
}

/** What happens to the image's copy in Glance, and why. */
export type ImageDecision =
  | {readonly kind: 'upload'; readonly reason: string; readonly replaces: readonly LoadedImage[]}
  | {readonly kind: 'reuse'; readonly image: LoadedImage};

/** What happens to the datastore version in Trove when an image is loaded, and why. */
export type VersionDecision =
  | {readonly kind: 'create'; readonly reason: string}
  | {readonly kind: 'set image'; readonly version: RegisteredVersion; readonly reason: string}
  | {readonly kind: 'keep'; readonly version: RegisteredVersion; readonly reason: string};

/** What has to change so that a registered version is active, the default, and on its image. */
export type ActivationDecision =
  | {
      readonly kind: 'change';
      readonly version: RegisteredVersion;
      readonly imageId?: string;
      readonly isActive?: true;
      readonly isDefault?: true;
      readonly reason: string;
    }
  | {readonly kind: 'keep'; readonly version: RegisteredVersion};

/** Decides about the image. Ones with the same content count; half-loaded ones among them are replaced. Pure.
 * @param sameContent Images whose recorded digest is the file's.
 */
export function planImage(sameContent: readonly LoadedImage[]): ImageDecision {
  const whole = sameContent.find((image) => image.status === 'active');
  if (whole) return {kind: 'reuse', image: whole};
  const replaces = sameContent.filter((image) => ['queued', 'killed'].includes(image.status));
  return {
    kind: 'upload',
    reason: replaces.length ? 'an earlier upload of it broke off' : 'not in the cloud yet',
    replaces,
  };
}

/** Decides about the version. One that is active keeps serving with its image until it is activated anew. Pure.
 * @param imageId Undefined while the image has no copy in the cloud.
 */
export function planVersion(registered: RegisteredVersion | undefined, imageId: string | undefined): VersionDecision {
  if (!registered) return {kind: 'create', reason: 'not registered'};
  if (imageId !== undefined && registered.imageId === imageId) {
    return {kind: 'keep', version: registered, reason: 'already on this image'};
  }
  if (!registered.isActive) return {kind: 'set image', version: registered, reason: 'inactive, on another image'};
  return {kind: 'keep', version: registered, reason: 'active on another image until the new one is activated'};
}

/** Decides what activating a version on an image takes. Pure. */
export function planActivation(version: RegisteredVersion, imageId: string | undefined): ActivationDecision {
  const switchesImage = imageId !== undefined && imageId !== version.imageId;
  if (!switchesImage && version.isActive && version.isDefault) return {kind: 'keep', version};
  const reasons = [
    ...(version.isActive ? [] : ['inactive']),
    ...(version.isDefault ? [] : ['not the default']),
    ...(switchesImage ? ['on another image'] : []),
  ];
  return {
    kind: 'change',
    version,
    reason: reasons.join(', '),
    ...(switchesImage ? {imageId} : {}),
    ...(version.isActive ? {} : {isActive: true}),
    ...(version.isDefault ? {} : {isDefault: true}),
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
