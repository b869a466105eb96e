import {formerStateProperties} from './activation.js';
import type {LoadedImage, RegisteredVersion} from './registration.js';

/** What happens to an image of ours when old ones are cleared away, and why. */
export interface RetentionDecision {
  readonly kind: 'keep' | 'remove';
  readonly image: LoadedImage;
  readonly reason: string;
}

export interface RetentionFacts {
  /** All images that we have loaded: of every datastore, in any state. */
  readonly images: readonly LoadedImage[];
  readonly versions: readonly RegisteredVersion[];
  /** Id of an image → what was booted from it. */
  readonly users: ReadonlyMap<string, readonly string[]>;
  /** Ids of images that versions find by tags now. */
  readonly selected: ReadonlySet<string>;
  /** How many of each datastore version stay in any case: the newest. */
  readonly keep: number;
  /** By the cloud's clock. */
  readonly now: Date;
}

/** An upload may still be on its way for so long. */
const graceMs = 24 * 3_600_000;

/** Decides which images may go. What is registered, what a server was booted from, and what a rollback would go back to stays,
 * whatever its age. Pure.
 */
export function planRetention(facts: RetentionFacts): RetentionDecision[] {
  const {images, versions, users, selected, keep, now} = facts;
  const registered = new Set(versions.flatMap(({imageId}) => (imageId === undefined ? [] : [imageId])));
  const serving = images.filter(({id}) => registered.has(id) || selected.has(id));
  const rollback = new Set(serving.map(({properties}) => properties[formerStateProperties.image] ?? ''));
  const newest = newestOfEach(images, keep);
  return images.map((image) => {
    const {id, status} = image;
    const stay = (reason: string): RetentionDecision => ({kind: 'keep', image, reason});
    const count = users.get(id)?.length ?? 0;
    if (registered.has(id)) return stay('a datastore version names it');
    if (selected.has(id)) return stay('a datastore version selects it by its tags');
    if (count > 0) return stay(count === 1 ? 'a server runs from it' : `${count} servers run from it`);
    if (rollback.has(id)) return stay('a rollback would go back to it');
    if (image.isProtected) return stay('it is protected in Glance');
    if (status === 'active') {
      if (newest.has(id)) return stay(`among the newest ${keep}`);
      return {kind: 'remove', image, reason: `older than the newest ${keep}, and nothing uses it`};
    }
    if (status !== 'queued' && status !== 'killed') return stay(`it is ${status}`);
    const isFresh = now.getTime() - new Date(image.createdAt).getTime() < graceMs;
    if (isFresh) return stay('its upload may still be on its way');
    return {kind: 'remove', image, reason: 'its upload broke off'};
  });
}

/** Ids of the newest active images of each datastore version. */
function newestOfEach(images: readonly LoadedImage[], count: number): ReadonlySet<string> {
  const groups = new Map<string, LoadedImage[]>();
  for (const image of images.filter(({status}) => status === 'active')) {
    const name = `${image.properties.trovestack_datastore}:${image.properties.trovestack_version}`;
    groups.set(name, [...(groups.get(name) ?? []), image]);
  }
  const newestFirst = (a: LoadedImage, b: LoadedImage) =>
    a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0;
  return new Set(
    [...groups.values()].flatMap((group) =>
      group
        .sort(newestFirst)
        .slice(0, count)
        .map(({id}) => id),
    ),
  );
}
