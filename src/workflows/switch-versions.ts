import {CloudError, type World} from '../base/index.js';
import type {GlanceImage} from '../cloud/index.js';
import {type ActivationAction, isByTags, nameOf, type RegisteredVersion} from '../datastore/index.js';
import {type ImageServices, openImageServices} from './image-services.js';

export interface SwitchOrder {
  /** The one that it is all about. */
  readonly version: RegisteredVersion;
  readonly actions: readonly ActivationAction[];
  /** Whether the version, read back, is what the plan is for. */
  isAsWanted(found: RegisteredVersion): Promise<boolean>;
}

const restoreWithinMs = 60_000;

/** Every action as an event. */
export function tellActions(actions: readonly ActivationAction[], world: World): void {
  for (const {kind, target, reason} of actions) {
    world.emit({type: 'action', action: kind === 'switch version' ? 'switch' : 'mark', target, reason});
  }
}

/** Carries out an activation plan and reads back what it led to. When that isn't what was wanted, the former state is
 * restored; an interruption leaves either state, since each of them serves.
 * @returns The version as Trove has it now.
 * @throws {CloudError} `activation-failed`, which says what serves now
 */
export async function switchVersions(
  order: SwitchOrder,
  services: ImageServices,
  world: World,
): Promise<RegisteredVersion> {
  const before = await snapshot(order.actions, services);
  const failure = await failureOf(() => perform(order.actions, services));
  const outcome = await lookAgain(order, services);
  if (outcome.kind === 'as wanted') return outcome.found; // an answer may have been lost, or wrong
  const problem = failure?.message ?? outcome.problem;
  const restored = await restore(before, services, world);
  const facts = {version: nameOf(order.version), cloud: services.session.settings.name, problem, outcome: restored};
  throw new CloudError('activation-failed', facts, {cause: failure});
}

async function perform(actions: readonly ActivationAction[], {glance, trove}: ImageServices): Promise<void> {
  for (const action of actions) {
    const {tags, properties} = action.kind === 'mark image' ? action : {};
    if (action.kind === 'switch version') await trove.update(action.versionId, action.changes);
    else await glance.update(action.imageId, {...(tags ? {tags} : {}), ...(properties ? {properties} : {})});
  }
}

async function failureOf(work: () => Promise<void>): Promise<CloudError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof CloudError) return error;
    throw error;
  }
}

type Outcome =
  | {readonly kind: 'as wanted'; readonly found: RegisteredVersion}
  | {readonly kind: 'not as wanted'; readonly problem: string};

async function lookAgain(
  {version, actions, isAsWanted}: SwitchOrder,
  {trove, glance}: ImageServices,
): Promise<Outcome> {
  try {
    for (const action of actions) {
      if (action.kind === 'mark image' && !isMarked(await glance.show(action.imageId), action)) {
        return {kind: 'not as wanted', problem: `${action.target} has not got the tags and properties it was given`};
      }
    }
    const found = (await trove.list()).find(({id}) => id === version.id);
    if (found && (await isAsWanted(found))) return {kind: 'as wanted', found};
    const problem = found ? `the cloud accepted it, and has ${describe(found)}` : 'the version is gone';
    return {kind: 'not as wanted', problem};
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    return {kind: 'not as wanted', problem: `it can't be read back: ${error.message}`};
  }
}

function isMarked(
  image: GlanceImage | undefined,
  {tags, properties = {}}: Extract<ActivationAction, {kind: 'mark image'}>,
): boolean {
  const found = image?.properties ?? {};
  const isTagged = !tags || (image !== undefined && hasTags(image, tags));
  return isTagged && Object.entries(properties).every(([name, value]) => (found[name] ?? '') === value);
}

/** Whether an image has these tags and no others. */
function hasTags(image: GlanceImage, tags: readonly string[]): boolean {
  return tags.length === image.tags.length && tags.every((tag) => image.tags.includes(tag));
}

function describe(version: RegisteredVersion): string {
  const {isActive, isDefault, imageId} = version;
  return `${isActive ? 'active' : 'inactive'}, ${isDefault ? 'default' : 'not default'}, image ${imageId ?? 'by tags'}`;
}

/** What the actions of a plan touch, as it was before. */
interface Snapshot {
  readonly versions: readonly RegisteredVersion[];
  readonly defaults: readonly RegisteredVersion[];
  readonly images: readonly {
    readonly id: string;
    readonly tags: readonly string[];
    readonly properties: Readonly<Record<string, string>>;
  }[];
}

async function snapshot(actions: readonly ActivationAction[], {glance, trove}: ImageServices): Promise<Snapshot> {
  const rows = await trove.list();
  const versions = rows.filter(({id}) => actions.some((a) => a.kind === 'switch version' && a.versionId === id));
  const marks = actions.filter((action) => action.kind === 'mark image');
  const images = await Promise.all(
    marks.map(async ({imageId: id, properties = {}}) => {
      const image = await glance.show(id);
      if (!image) throw new CloudError('image-rejected', {image: id, problem: 'it was deleted a moment ago'});
      const names = Object.keys(properties);
      return {
        id,
        tags: image.tags,
        properties: Object.fromEntries(names.map((name) => [name, image.properties[name] ?? ''])),
      };
    }),
  );
  const datastores = new Set(versions.map(({datastore}) => datastore));
  return {versions, images, defaults: rows.filter((row) => row.isDefault && datastores.has(row.datastore))};
}

/** Brings the former state back, as far as the cloud lets us.
 * @returns What came of it, in words.
 */
async function restore(before: Snapshot, {session}: ImageServices, world: World): Promise<string> {
  // What ended the work may have been the interruption of this process, or a session that is of no use any more.
  const signal = AbortSignal.timeout(restoreWithinMs);
  try {
    await using services = await openImageServices(session.settings, {...world, signal});
    const {glance, trove} = services;
    const now = await trove.list();
    const failures: string[] = [];
    const tryTo = async (step: () => Promise<void>) => {
      const failure = await failureOf(step);
      if (failure) failures.push(failure.message);
    };
    for (const row of before.defaults) {
      if (rowOf(row, now)?.isDefault === false) await tryTo(() => trove.update(row.id, {isDefault: true}));
    }
    for (const row of before.versions) await tryTo(() => giveBack(row, rowOf(row, now), services));
    // What an image remembers goes last: until its version is given back, that is the way back.
    for (const {id, tags, properties} of before.images) await tryTo(() => glance.update(id, {tags, properties}));
    const wrong = [...failures, ...(await leftOver(before, services))];
    if (wrong.length === 0) return 'what served before serves again';
    return `the former state could not be restored whole: ${wrong.join('; ')}`;
  } catch (error) {
    return `the former state could not be restored: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What is not as it was before, in words. */
async function leftOver(before: Snapshot, {glance, trove}: ImageServices): Promise<string[]> {
  const rows = await trove.list();
  const wrong = [...before.versions, ...before.defaults].filter((row) => !isSame(row, rowOf(row, rows))).map(nameOf);
  for (const {id, tags} of before.images) {
    const image = await glance.show(id);
    if (!image || !hasTags(image, tags)) wrong.push(`the tags of image ${image?.name ?? id}`);
  }
  return [...new Set(wrong)];
}

function rowOf({id}: RegisteredVersion, rows: readonly RegisteredVersion[]): RegisteredVersion | undefined {
  return rows.find((row) => row.id === id);
}

async function giveBack(
  row: RegisteredVersion,
  now: RegisteredVersion | undefined,
  {trove}: ImageServices,
): Promise<void> {
  if (!now || isSame(row, now)) return;
  await trove.update(row.id, {
    image: isByTags(row) ? {tags: row.imageTags} : {...(row.imageId ? {imageId: row.imageId} : {})},
    isActive: row.isActive,
    ...(now.isDefault && !row.isDefault ? {isDefault: false} : {}),
  });
}

function isSame(row: RegisteredVersion, other: RegisteredVersion | undefined): boolean {
  return row.imageId === other?.imageId && row.isActive === other?.isActive && row.isDefault === other?.isDefault;
}
