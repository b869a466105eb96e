import type {World} from '../base/index.js';
import {cloudNameOf, removeInstanceFolder, requireInstance, setCloudEntry} from '../devcloud/index.js';
import {stopRun} from './devcloud-down.js';
import {lockDevcloud, requireRoot} from './devcloud-up.js';

/** Stops a devcloud and removes all that it holds, and its entry in clouds.yaml. The layers stay in the store.
 * @throws {UsageError} `unknown-devcloud`
 * @throws {HostError} `not-root`
 */
export async function devcloudDestroy(request: {readonly name: string}, world: World): Promise<{name: string}> {
  const {name} = request;
  requireRoot('destroy a devcloud');
  await requireInstance(world.paths, name);
  await using _lock = await lockDevcloud(name, world);
  await stopRun(name, 'cut off', world);
  await setCloudEntry(`${world.paths.state}/clouds.yaml`, cloudNameOf(name), undefined, world.signal);
  await removeInstanceFolder(world.paths, name);
  return {name};
}
