import {Bug, TrovestackError, type World} from '../base/index.js';
import {readCloudSettings} from '../cloud/index.js';
import {readDiskFile} from '../disk/index.js';
import {chooseFormat} from './choose-format.js';
import {type ImageServices, openImageServices} from './image-services.js';
import {type ImageToLoad, readImageToLoad} from './image-to-load.js';
import {type LoadedImageResult, type LoadRequest, loadInto} from './load-image.js';

/** A cloud, or one region of it. */
export interface LoadTarget {
  readonly cloud?: string | undefined;
  readonly region?: string | undefined;
}

/** How loading into one of several clouds has ended. */
export type TargetOutcome = {readonly cloud: string; readonly region?: string} & (
  | {readonly kind: 'loaded'; readonly result: LoadedImageResult}
  | {readonly kind: 'failed'; readonly error: TrovestackError}
);

/** Brings one image file, read once, into several clouds at once. What fails in one of them stops none of the others.
 * @throws {UsageError} when the file, the catalogue or the choice of a cloud is at fault
 */
export async function loadIntoClouds(
  request: LoadRequest,
  targets: readonly LoadTarget[],
  world: World,
): Promise<TargetOutcome[]> {
  const disk = await readDiskFile(request.file);
  const clouds = await Promise.all(targets.map((target) => readCloudSettings(world, target)));
  const services = await Promise.all(clouds.map((settings) => openImageServices(settings, world)));
  await using _ = {
    [Symbol.asyncDispose]: async () => void (await Promise.all(services.map((one) => one[Symbol.asyncDispose]()))),
  };
  const reached = await Promise.all(services.map((one) => attempt(one, async () => void (await one.trove.list()))));
  if (reached.every((failure) => failure !== undefined)) return reached;
  const read = new Map<string, Promise<ImageToLoad>>();
  const imageFor = async (one: ImageServices) => {
    const chosen = await chooseFormat(disk, request.format ?? 'auto', one, toldApart(one, world));
    const image = read.get(chosen.path) ?? readImageToLoad(chosen, request, world);
    read.set(chosen.path, image);
    return await image;
  };
  const outcomes = await Promise.allSettled(
    services.map(async (one, i): Promise<TargetOutcome> => {
      let result: LoadedImageResult | undefined;
      const failure =
        reached[i] ??
        (await attempt(one, async () => {
          result = await loadInto(one, await imageFor(one), request, toldApart(one, world));
        }));
      if (failure) return failure;
      if (!result) throw new Bug('no-result', nameOf(one));
      return {...nameOf(one), kind: 'loaded', result};
    }),
  );
  // An interruption is told when each cloud has been left in order, since their sessions end with this function.
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

type Failure = Extract<TargetOutcome, {kind: 'failed'}>;

/** @returns How it failed; undefined when it didn't. */
async function attempt(services: ImageServices, work: () => Promise<void>): Promise<Failure | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof TrovestackError)) throw error;
    return {...nameOf(services), kind: 'failed', error};
  }
}

function nameOf({session: {settings}}: ImageServices): {cloud: string; region?: string} {
  return {cloud: settings.name, ...(settings.region === undefined ? {} : {region: settings.region})};
}

/** Events of one cloud among several: each says which. */
function toldApart(services: ImageServices, world: World): World {
  const {cloud, region} = nameOf(services);
  const where = region === undefined ? cloud : `${cloud}, region ${region}`;
  return {
    ...world,
    emit: (event) => {
      if (event.type === 'action') world.emit({...event, target: `${event.target} in ${where}`});
      else if (event.type === 'progress') world.emit({...event, what: `${event.what} to ${where}`});
      else if (event.type === 'note' || event.type === 'warning')
        world.emit({...event, text: `${where}: ${event.text}`});
      else world.emit(event);
    },
  };
}
