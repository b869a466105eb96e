import {randomBytes, randomUUID} from 'node:crypto';
import {resolve} from 'node:path';
import {UsageError, type World} from '../base/index.js';
import {chooseVersion, readCatalogue} from '../datastore/index.js';
import {readDiskFile} from '../disk/index.js';
import {configDrive, type Firmware, loneAgentOptions, shellCredentials} from '../guest/index.js';
import {enterInteractively} from '../sandbox/index.js';
import {bootAccelerator, machineSpec} from './boot-guest.js';
import {ensureToolsRoot, resolverMounts} from './tools-root.js';
import {openWorkshop} from './workshop.js';

export interface BootRequest {
  readonly file: string;
  readonly firmware: Firmware;
  /** Whose agent is told that it has an instance, `mariadb:11.8`. */
  readonly datastore: string;
  readonly memoryMiB?: number | undefined;
  /** Lets the guest reach what this machine reaches. */
  readonly hasNetwork: boolean;
}

/** Boots an image at the terminal of this process: its serial console, and a shell of root's on it. What the guest changes is
 * gone with it.
 * @returns Exit code of the machine.
 * @throws {UsageError} `no-terminal`, `file-not-found`, `not-a-disk-image`, `unknown-datastore`, `unknown-version`
 */
export async function bootImage(request: BootRequest, world: World): Promise<number | null> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new UsageError('no-terminal', {doing: 'boot an image'});
  const disk = await readDiskFile(resolve(request.file));
  const {datastore, version} = chooseVersion(await readCatalogue(world.paths.home), request.datastore);
  await using workshop = await openWorkshop(world);
  const tools = await ensureToolsRoot('machines', workshop, world);
  const guestId = randomUUID();
  const identity = {
    guestId,
    manager: datastore.manager,
    datastoreVersion: version.version,
    rpcKey: randomBytes(16).toString('hex'),
  };
  const boot = {
    disk,
    firmware: request.firmware,
    tools: tools.tree,
    drive: configDrive(identity, loneAgentOptions),
    credentials: shellCredentials(),
    memoryMiB: request.memoryMiB ?? datastore.minimum.ramMiB,
    volumeGiB: datastore.minimum.volumeGiB,
    guestId,
    network: request.hasNetwork ? {ports: []} : ('nowhere' as const),
  };
  const accelerator = await bootAccelerator(workshop);
  const text = `booting ${disk.path} with ${boot.firmware} on ${accelerator}: Ctrl-A x leaves, Ctrl-A h helps; nothing is kept`;
  world.emit({type: 'note', text});
  const spec = await machineSpec(boot, accelerator, 'terminal', workshop, world);
  const outside =
    request.hasNetwork && ({network: 'host', mounts: [...spec.mounts, ...(await resolverMounts())]} as const);
  return await enterInteractively({...spec, ...outside}, workshop.sandboxes);
}
