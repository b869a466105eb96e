import type {World} from '../base/index.js';
import {
  deviceName,
  instanceFolder,
  isAlive,
  leaveNetwork,
  readInstance,
  requireInstance,
  stopProcess,
} from '../devcloud/index.js';
import {type DevcloudStatus, statusOf} from './devcloud-status.js';
import {lockDevcloud, requireRoot} from './devcloud-up.js';

/** Stops a devcloud, its virtual machines first; what it holds is kept for the next start. Fine when it isn't running.
 * @throws {UsageError} `unknown-devcloud`
 * @throws {HostError} `not-root`
 */
export async function devcloudDown(request: {readonly name: string}, world: World): Promise<DevcloudStatus> {
  requireRoot('stop a devcloud');
  await requireInstance(world.paths, request.name);
  await using _lock = await lockDevcloud(request.name, world);
  const instance = await requireInstance(world.paths, request.name);
  await stopRun(instance.name, 'shut down', world);
  return statusOf(instance, world);
}

/** Ends a devcloud's run, if there is one, and removes its network device. The caller holds its lock. */
export async function stopRun(name: string, guests: 'shut down' | 'cut off', world: World): Promise<void> {
  const run = (await readInstance(world.paths, name))?.run;
  if (run && (await isAlive(run.supervisor))) {
    if (guests === 'shut down') {
      world.emit({
        type: 'action',
        action: 'stop',
        target: `devcloud ${name}`,
        reason: 'its virtual machines shut down first',
      });
    }
    await stopProcess(run.supervisor, guests);
  }
  await leaveNetwork(deviceName(instanceFolder(world.paths, name)));
}
