import {type ConfigurationParameter, type ParameterDecision, planParameters} from './parameters.js';
import {
  findVersion,
  type ImageDecision,
  type LeftoverDecision,
  type LoadedImage,
  planImage,
  planLeftovers,
  planVersion,
  type RegisteredVersion,
  safeTags,
  type VersionDecision,
  type WantedImage,
} from './registration.js';

/** What a cloud is to know after an image was loaded. */
export interface WantedLoad {
  readonly datastore: string;
  readonly version: string;
  /** As it is; or as it was asked for, where that is a new image. */
  readonly image: WantedImage;
  readonly imageName: string;
  /** Of the data that an upload would send. */
  readonly sizeBytes: number;
  readonly parameters: readonly ConfigurationParameter[];
  /** Those that the version is to find its image by; none: by its id. */
  readonly selectTags: readonly string[];
  /** Id of a project that is to see it. */
  readonly shareWith?: string;
}

/** What a cloud knows, read before anything is changed. */
export interface CloudReading {
  readonly versions: readonly RegisteredVersion[];
  /** Images whose recorded digest is the file's, newest first. */
  readonly sameContent: readonly LoadedImage[];
  /** Of the version, when it is registered. */
  readonly parameters: readonly ConfigurationParameter[];
  /** By the cloud's clock. */
  readonly now: Date;
  /** Ids of projects that have accepted the image, when there is one. */
  readonly sharedWith: readonly string[];
}

/** What is to be done, decided before anything is. */
export interface LoadPlan {
  readonly leftovers: readonly LeftoverDecision[];
  readonly image: ImageDecision;
  /** What Glance is told of the image, without tags that would activate it. */
  readonly description: WantedImage;
  /** Tags that it gets only when it is activated. */
  readonly heldTags: readonly string[];
  readonly shareWith?: string;
  readonly version: VersionDecision;
  readonly parameters: readonly ParameterDecision[];
}

/** One change that loading makes in a cloud. */
export interface LoadAction {
  /** The same from run to run, as long as the change is not made. */
  readonly id: string;
  readonly kind: 'remove' | 'upload' | 'update' | 'share' | 'create' | 'set image';
  readonly target: string;
  readonly reason: string;
  /** What it sets, by name. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** Decides all that loading does. Pure: the same reading gives the same plan. */
export function planLoad(wanted: WantedLoad, reading: CloudReading): LoadPlan {
  const registered = findVersion(reading.versions, wanted.datastore, wanted.version);
  const tags = safeTags(wanted.image.tags, reading.versions);
  const description = {...wanted.image, tags};
  const image = planImage(reading.sameContent, description, registered?.imageId);
  const isShared = wanted.shareWith !== undefined && reading.sharedWith.includes(wanted.shareWith);
  return {
    leftovers: planLeftovers(reading.sameContent, reading.now),
    image,
    description,
    heldTags: wanted.image.tags.filter((tag) => !tags.includes(tag) && !hasTag(image, tag)),
    ...(wanted.shareWith === undefined || isShared ? {} : {shareWith: wanted.shareWith}),
    version: planVersion(registered, image.kind === 'upload' ? undefined : image.image.id, wanted.selectTags),
    parameters: planParameters(wanted.parameters, reading.parameters),
  };
}

function hasTag(decision: ImageDecision, tag: string): boolean {
  return decision.kind !== 'upload' && decision.image.tags.includes(tag);
}

/** The changes that a plan makes, in their order; none when the cloud is as wanted. Pure. */
export function actionsOf(plan: LoadPlan, wanted: WantedLoad): LoadAction[] {
  const {leftovers, image, version, parameters, shareWith} = plan;
  const versionName = `datastore version ${wanted.datastore} ${wanted.version}`;
  const removed = leftovers.filter(({kind}) => kind === 'remove');
  return [
    ...removed.map((leftover) => ({
      id: `remove:${leftover.image.id}`,
      kind: 'remove' as const,
      target: `incomplete image ${leftover.image.id}`,
      reason: leftover.reason,
    })),
    ...imageActions(image, plan, wanted),
    ...(shareWith === undefined
      ? []
      : [
          {
            id: `share:${shareWith}`,
            kind: 'share' as const,
            target: `image ${wanted.imageName}`,
            reason: `project ${shareWith} doesn't see it`,
            changes: {member: shareWith},
          },
        ]),
    ...(version.kind === 'keep'
      ? []
      : [
          {
            id: `version:${wanted.datastore}:${wanted.version}`,
            kind: version.kind,
            target: versionName,
            reason: version.reason,
            changes: {
              image: image.kind === 'upload' ? 'the uploaded one' : image.image.id,
              ...(version.tags ? {tags: version.tags} : {}),
              ...(version.kind === 'create' ? {active: false, default: false} : {}),
            },
          },
        ]),
    ...parameters.flatMap((decision) =>
      decision.kind === 'keep'
        ? []
        : [
            {
              id: `parameter:${decision.parameter.name}`,
              kind: decision.kind,
              target: `configuration parameter ${decision.parameter.name}`,
              reason: decision.reason,
              changes: {...decision.parameter},
            },
          ],
    ),
  ];
}

function imageActions(image: ImageDecision, {description}: LoadPlan, wanted: WantedLoad): LoadAction[] {
  if (image.kind === 'reuse') return [];
  const target = `image ${image.kind === 'upload' ? wanted.imageName : image.image.name}`;
  const changes = image.kind === 'upload' ? {...description, sizeBytes: wanted.sizeBytes} : image.changes;
  const id = image.kind === 'upload' ? 'image' : `image:${image.image.id}`;
  return [{id, kind: image.kind, target, reason: image.reason, changes}];
}

/** A limit of Glance's: MiB for sizes, images for counts; negative is none. */
interface Quota {
  readonly limit: number;
  readonly usage: number;
}

/** Why Glance would refuse an upload, as far as its limits tell before. Pure.
 * @param quotas By the names that Glance's `/v2/info/usage` gives them.
 */
export function quotaProblem(quotas: Readonly<Record<string, Quota>>, sizeBytes: number): string | undefined {
  const sizeMiB = Math.ceil(sizeBytes / 1024 ** 2);
  const size = quotas.image_size_total;
  if (size && size.limit >= 0 && size.usage + sizeMiB > size.limit) {
    return `the image has ${sizeMiB} MiB, and ${Math.max(0, size.limit - size.usage)} of ${size.limit} MiB are free`;
  }
  const count = quotas.image_count_total;
  if (count && count.limit >= 0 && count.usage + 1 > count.limit) {
    return `the project has ${count.usage} of ${count.limit} images`;
  }
  return undefined;
}
