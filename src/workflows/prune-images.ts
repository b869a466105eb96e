import {CloudError, type World} from '../base/index.js';
import {type GlanceImage, readCloudSettings} from '../cloud/index.js';
import {planRetention, type RetentionDecision, readCatalogue} from '../datastore/index.js';
import {servingImage} from './activate-image.js';
import {removeTrial, trialMark} from './canary.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {ourImages, readUsers} from './image-status.js';

export interface PruneRequest {
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
  /** How many images of each datastore version stay in any case. */
  readonly keep: number;
  /** Also remove what interrupted trials have left. Not while an image is being activated: its trial would go too. */
  readonly trials?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface PrunedImages {
  readonly cloud: string;
  readonly decisions: readonly {
    readonly kind: 'keep' | 'remove';
    readonly id: string;
    readonly name: string;
    readonly sizeBytes: number;
    readonly reason: string;
  }[];
  /** Names of datastore versions that trials had left. */
  readonly trials: readonly string[];
  readonly isChanged: boolean;
  readonly isDryRun: boolean;
}

/** Deletes images of ours that nothing needs: never one that a version names or selects, that a server runs from, or that a
 * rollback would go back to. Each is asked about again right before it goes.
 * @throws {CloudError}
 */
export async function pruneImages(request: PruneRequest, world: World): Promise<PrunedImages> {
  const datastores = [...(await readCatalogue(world.paths.home)).keys()];
  await using services = await openImageServices(await readCloudSettings(world, request), world);
  const isDryRun = request.dryRun === true;
  const {images, decisions} = await decide(datastores, request.keep, services);
  const trials = request.trials ? await trialsIn(services) : [];
  for (const {name} of trials) {
    world.emit({
      type: 'action',
      action: 'remove',
      target: `trial ${name}`,
      reason: 'left by an interrupted activation',
    });
  }
  for (const {kind, image, reason} of decisions) {
    if (kind === 'remove') world.emit({type: 'action', action: 'remove', target: `image ${image.name}`, reason});
  }
  if (!isDryRun) {
    for (const {name, datastore} of trials) await removeTrial(name, datastore, services, world);
    for (const {kind, image} of decisions) {
      if (kind === 'remove') await removeIfStillUnused(image.id, datastores, request.keep, services, world);
    }
  }
  const sizes = new Map(images.map(({id, sizeBytes = 0}) => [id, sizeBytes]));
  return {
    cloud: services.session.settings.name,
    decisions: decisions.map(({kind, image: {id, name}, reason}) => ({
      ...{kind, id, name, reason},
      sizeBytes: sizes.get(id) ?? 0,
    })),
    trials: trials.map(({name}) => name),
    isChanged: trials.length > 0 || decisions.some(({kind}) => kind === 'remove'),
    isDryRun,
  };
}

async function trialsIn({trove}: ImageServices) {
  return (await trove.list()).filter(({name}) => name.includes(trialMark));
}

interface Decided {
  readonly images: readonly GlanceImage[];
  readonly decisions: readonly RetentionDecision[];
}

async function decide(datastores: readonly string[], keep: number, services: ImageServices): Promise<Decided> {
  const {trove, glance} = services;
  const images = await ourImages(services, datastores);
  const versions = await trove.list();
  const serving = await Promise.all(versions.map((row) => servingImage(row, services)));
  const selected = new Set(serving.flatMap((image) => (image ? [image.id] : [])));
  const users = (await readUsers(services)) ?? new Map<string, readonly string[]>();
  const decisions = planRetention({images, versions, users, selected, keep, now: await glance.now()});
  return {images, decisions};
}

/** Somebody may have activated it, or made an instance of it, since the plan was made. */
async function removeIfStillUnused(
  id: string,
  datastores: readonly string[],
  keep: number,
  services: ImageServices,
  world: World,
): Promise<void> {
  const {decisions} = await decide(datastores, keep, services);
  const decision = decisions.find(({image}) => image.id === id);
  if (!decision) return; // somebody else has deleted it
  if (decision.kind === 'keep') {
    const target = `image ${decision.image.name}`;
    world.emit({type: 'action', action: 'keep', target, reason: `since a moment ago ${decision.reason}`});
    return;
  }
  await services.glance.delete(id);
  if (await services.glance.show(id)) {
    const what = `the deletion of image ${decision.image.name}`;
    throw new CloudError('not-as-written', {what, wanted: 'gone', found: 'still there'});
  }
}
