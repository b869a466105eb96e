import type {World} from '../base/index.js';
import {cloudNameOf, requireInstance} from '../devcloud/index.js';

/** Environment variables that point OpenStack's clients on this machine at a devcloud.
 * @throws {UsageError} `unknown-devcloud`
 */
export async function devcloudEnv(request: {readonly name: string}, world: World): Promise<Record<string, string>> {
  const {name} = await requireInstance(world.paths, request.name);
  return {OS_CLOUD: cloudNameOf(name), OS_CLIENT_CONFIG_FILE: `${world.paths.state}/clouds.yaml`};
}
