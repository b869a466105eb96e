import type {World} from '../base/index.js';
import {
  type CloudSession,
  type CloudSettings,
  type Glance,
  glanceClient,
  openSession,
  type TroveDatastores,
  troveDatastores,
} from '../cloud/index.js';

/** The two services of a cloud that guest images are made known to, in one session that ends when disposed. */
export interface ImageServices extends AsyncDisposable {
  readonly session: CloudSession;
  readonly glance: Glance;
  readonly trove: TroveDatastores;
}

/** @throws {CloudError} when the cloud can't be reached, or doesn't let us in */
export async function openImageServices(settings: CloudSettings, world: World): Promise<ImageServices> {
  const session = await openSession(settings, world);
  return {
    session,
    glance: glanceClient(session),
    trove: troveDatastores(session),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
