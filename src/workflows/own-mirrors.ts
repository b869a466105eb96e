import {type DebianMirrors, findDebianMirrors, type World} from '../base/index.js';
import {type Credentials, separateCredentials} from '../element/index.js';

/** The mirrors that are asked for, or this machine's own. Users and passwords in their addresses are for fetching alone: images, locks
 * and keys have the bare addresses.
 */
export async function ownMirrors(
  world: World,
): Promise<{readonly mirrors: DebianMirrors | undefined; readonly credentials: readonly Credentials[]}> {
  const found = await findDebianMirrors(world.env);
  if (!found) return {mirrors: undefined, credentials: []};
  const [archive, security] = [separateCredentials(found.archive), separateCredentials(found.security)];
  const credentials = [archive, security].flatMap((one) => one.credentials ?? []);
  return {mirrors: {archive: archive.address, security: security.address}, credentials};
}
