import type {LoadedImage, RegisteredVersion} from './registration.js';

/** What an image remembers of the state that its activation replaced, as properties in Glance: it lives in the cloud, so that
 * whoever is on duty can go back, not only who activated. Glance keeps properties as text; empty stands for none. */
export const formerStateProperties = {
  image: 'trovestack_previous_image',
  isActive: 'trovestack_previous_active',
  defaultVersion: 'trovestack_previous_default',
} as const;

/** Time at which an image was rolled back, ISO 8601; empty once it is activated again. */
export const rolledBackProperty = 'trovestack_rolled_back';

/** How a version was before. */
export interface FormerState {
  /** Undefined for a version that had its image by tags which none had, or no other image. */
  readonly imageId?: string;
  readonly isActive: boolean;
  /** Id of the datastore's default version then. */
  readonly defaultVersionId?: string;
}

export type VersionSwitch = Readonly<{
  image?: {readonly imageId?: string; readonly tags?: readonly string[]};
  isActive?: boolean;
  isDefault?: boolean;
}>;

/** One change that activating or rolling back makes in a cloud, in the order of the plan. */
export type ActivationAction = {
  /** The same from run to run. */
  readonly id: string;
  readonly target: string;
  readonly reason: string;
} & (
  | {
      /** Of an image's tags and properties, in one request. */
      readonly kind: 'mark image';
      readonly imageId: string;
      readonly tags?: readonly string[];
      readonly properties?: Readonly<Record<string, string>>;
    }
  | {readonly kind: 'switch version'; readonly versionId: string; readonly changes: VersionSwitch}
);

export interface ActivationFacts {
  readonly version: RegisteredVersion;
  /** All that are registered. */
  readonly versions: readonly RegisteredVersion[];
  /** The one to serve with. Undefined only for a version whose tags match none yet. */
  readonly image: LoadedImage | undefined;
  /** What instances of the version boot from now; undefined when that is nothing. */
  readonly serving: LoadedImage | undefined;
  /** `tags` when the version is to find its image by tags from now on. */
  readonly select: 'id' | 'tags';
  /** Active images with all of the version's tags, newest first; empty with `id`. */
  readonly rivals: readonly LoadedImage[];
}

/** What has to change so that a version is active, the default, and on an image; empty when it is so. Pure.
 * The former state is written down before the switch, and each request leaves a version that works.
 */
export function planActivation(facts: ActivationFacts): ActivationAction[] {
  const {version, image, serving, select, rivals} = facts;
  const name = nameOf(version);
  const isTagged = select === 'tags' && version.imageTags.length > 0;
  const switchesImage = image !== undefined && image.id !== serving?.id;
  const changes = versionChanges(facts, isTagged, switchesImage);
  const missingTags = isTagged && image ? version.imageTags.filter((tag) => !image.tags.includes(tag)) : [];
  const newer = isTagged && image ? newerThan(image, rivals) : [];
  if (Object.keys(changes).length === 0 && missingTags.length === 0 && newer.length === 0) return [];
  const reasons = [
    ...(version.isActive ? [] : ['inactive']),
    ...(version.isDefault ? [] : ['not the default']),
    ...(switchesImage ? ['on another image'] : []),
    ...(changes.image && !switchesImage ? [`found by ${isTagged ? 'id' : 'tags'}`] : []),
  ];
  const reason = reasons.join(', ') || 'another image is newer';
  return [
    ...(image ? [markServing(image, facts, missingTags, switchesImage)] : []),
    ...(Object.keys(changes).length
      ? [
          {
            kind: 'switch version',
            id: `version:${version.id}`,
            versionId: version.id,
            changes,
            target: `datastore version ${name}`,
            reason,
          } as const,
        ]
      : []),
    ...newer.map((rival) => withoutTag(rival, version, 'Trove would take it, since it is newer')),
  ];
}

function versionChanges(facts: ActivationFacts, isTagged: boolean, switchesImage: boolean): VersionSwitch {
  const {version, image} = facts;
  const wasTagged = isByTags(version);
  const needsImage = isTagged ? !wasTagged : image !== undefined && (wasTagged || switchesImage);
  return {
    ...(needsImage ? {image: isTagged ? {tags: version.imageTags} : {imageId: image?.id ?? ''}} : {}),
    ...(version.isActive ? {} : {isActive: true}),
    ...(version.isDefault ? {} : {isDefault: true}),
  };
}

/** The image gets the tags that select it, if any, and the memory of what was before it. */
function markServing(
  image: LoadedImage,
  {version, versions, serving}: ActivationFacts,
  missingTags: readonly string[],
  switchesImage: boolean,
): ActivationAction {
  const former = versions.find(({datastore, isDefault}) => isDefault && datastore === version.datastore);
  // Activated before, and now only made the default again, say: the image that it replaced stays known.
  const previousImage = switchesImage ? (serving?.id ?? '') : (image.properties[formerStateProperties.image] ?? '');
  return {
    kind: 'mark image',
    id: `mark:${image.id}`,
    target: `image ${image.name}`,
    reason: missingTags.length ? `the tags ${missingTags.join(', ')} select it` : 'it keeps what was before',
    imageId: image.id,
    ...(missingTags.length ? {tags: [...image.tags, ...missingTags]} : {}),
    properties: {
      [formerStateProperties.image]: previousImage,
      [formerStateProperties.isActive]: String(version.isActive),
      [formerStateProperties.defaultVersion]: former?.id ?? '',
      ...(image.properties[rolledBackProperty] ? {[rolledBackProperty]: ''} : {}),
    },
  };
}

/** Takes the last of the selecting tags from an image; the others say what it is. */
function withoutTag(image: LoadedImage, version: RegisteredVersion, reason: string): ActivationAction {
  const last = version.imageTags.at(-1);
  return {
    kind: 'mark image',
    id: `unselect:${image.id}`,
    target: `image ${image.name}`,
    reason,
    imageId: image.id,
    tags: image.tags.filter((tag) => tag !== last),
  };
}

function newerThan(image: LoadedImage, rivals: readonly LoadedImage[]): readonly LoadedImage[] {
  return rivals.filter((rival) => rival.id !== image.id && rival.createdAt >= image.createdAt);
}

/** What the image that serves remembers, or undefined when it was never activated by us. Pure. */
export function formerStateOf(image: LoadedImage): FormerState | undefined {
  const isActive = image.properties[formerStateProperties.isActive];
  if (!isActive) return undefined;
  const imageId = image.properties[formerStateProperties.image];
  const defaultVersionId = image.properties[formerStateProperties.defaultVersion];
  return {
    isActive: isActive === 'true',
    ...(imageId ? {imageId} : {}),
    ...(defaultVersionId ? {defaultVersionId} : {}),
  };
}

export interface RollbackFacts {
  readonly version: RegisteredVersion;
  readonly versions: readonly RegisteredVersion[];
  /** The one that serves now. */
  readonly image: LoadedImage;
  readonly former: FormerState;
  /** The former image, where it is another and still there. */
  readonly formerImage: LoadedImage | undefined;
  /** Active images with all of the version's tags, newest first; empty for a version that is tied to an id. */
  readonly rivals: readonly LoadedImage[];
  /** ISO 8601. */
  readonly now: string;
}

/** What brings a version's former state back, or why there is none to go back to. Pure.
 * What the former image remembers stays, so that going back twice goes back two steps.
 */
export function planRollback(facts: RollbackFacts): ActivationAction[] | string {
  const {version, versions, image, former, formerImage, rivals, now} = facts;
  const otherDefault = versions.find(
    ({id, isActive}) => id === former.defaultVersionId && id !== version.id && isActive,
  );
  if (former.imageId && !formerImage) return `its former image ${former.imageId} is gone`;
  if (formerImage && formerImage.status !== 'active') return `its former image is ${formerImage.status}`;
  if (!former.imageId && !otherDefault) return 'nothing served before it that could serve again';
  const marked: ActivationAction = {
    kind: 'mark image',
    id: `mark:${image.id}`,
    target: `image ${image.name}`,
    reason: 'rolled back: it is no longer chosen by itself',
    imageId: image.id,
    properties: {[rolledBackProperty]: now},
  };
  const reason = 'as it was before';
  const giveBack = (row: RegisteredVersion, changes: VersionSwitch): ActivationAction[] =>
    Object.keys(changes).length === 0
      ? []
      : [
          {
            kind: 'switch version',
            id: `version:${row.id}`,
            versionId: row.id,
            changes,
            target: `datastore version ${nameOf(row)}`,
            reason,
          },
        ];
  const toImage = formerImage && !isByTags(version) ? {image: {imageId: formerImage.id}} : {};
  const toTagged: ActivationAction[] =
    formerImage && isByTags(version) ? selectOlder(formerImage, image, version, rivals) : [];
  // The other default first: one that works is there all the time.
  const toDefault = otherDefault && !otherDefault.isDefault ? giveBack(otherDefault, {isDefault: true}) : [];
  const isActive = otherDefault && !former.isActive ? {isActive: false} : {};
  return [...toDefault, ...toTagged, ...giveBack(version, {...toImage, ...isActive}), marked];
}

function selectOlder(
  older: LoadedImage,
  image: LoadedImage,
  version: RegisteredVersion,
  rivals: readonly LoadedImage[],
): ActivationAction[] {
  const missing = version.imageTags.filter((tag) => !older.tags.includes(tag));
  const tagged: ActivationAction[] = missing.length
    ? [
        {
          kind: 'mark image',
          id: `select:${older.id}`,
          target: `image ${older.name}`,
          reason: `the tags ${missing.join(', ')} select it`,
          imageId: older.id,
          tags: [...older.tags, ...missing],
        },
      ]
    : [];
  const newer = newerThan(older, rivals.some(({id}) => id === image.id) ? rivals : [image, ...rivals]);
  return [...tagged, ...newer.map((rival) => withoutTag(rival, version, 'as it was before'))];
}

/** Whether Trove looks for the version's image by tags: an id, where there is one, wins. */
export function isByTags(version: RegisteredVersion): boolean {
  return version.imageId === undefined && version.imageTags.length > 0;
}

export function nameOf(version: RegisteredVersion): string {
  return `${version.datastore} ${version.name}`;
}
