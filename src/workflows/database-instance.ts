import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {connect} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {CloudError, describeEnd, lastLines, readFileIfThere, type World, writeFileWhole} from '../base/index.js';
import {
  type CloudSession,
  createDatabase,
  createInstance,
  createUser,
  type DatabaseInstance,
  deleteInstance,
  listFlavors,
  listInstances,
  listNetworks,
  openSession,
  readCloudSettings,
  waitForInstance,
} from '../cloud/index.js';
import {chooseVersion, type DatastoreDefinition, readCatalogue} from '../datastore/index.js';
import {cloudNameOf, instanceFolder} from '../devcloud/index.js';
import {captureInDevcloud} from './devcloud-exec.js';

export interface DatabaseRequest {
  readonly devcloud: string;
  readonly datastore: string;
  readonly version: string;
}

/** A database instance that answered, and how to ask it again. */
export interface DatabaseAnswer {
  readonly instance: {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly operatingStatus: string;
    readonly address: string;
  };
  readonly sql: {readonly query: string; readonly answer: string; readonly serverVersion: string};
  readonly connection: {
    readonly user: string;
    readonly database: string;
    readonly passwordFile: string;
    /** To be typed on this machine. */
    readonly command: string;
  };
  /** Whether the instance was there and healthy already. */
  readonly isReused: boolean;
}

const database = 'app';
const user = 'app';
const query = 'SELECT 6 * 7';
const healthyWithinMs = 900_000;
const goneWithinMs = 300_000;
const listeningWithinMs = 300_000;
const madeWithinMs = 300_000;

/** Makes sure that the devcloud has a healthy instance of this datastore version, with a database and a user, and asks it.
 * An instance that an interrupted run left in the making is taken up; only one that failed is replaced.
 * @throws {CloudError} `instance-failed`, `too-late`, `no-flavor`, `query-failed`
 */
export async function ensureDatabase(request: DatabaseRequest, world: World): Promise<DatabaseAnswer> {
  const catalogue = await readCatalogue(world.paths.home);
  const {datastore} = chooseVersion(catalogue, `${request.datastore}:${request.version}`);
  const settings = await readCloudSettings(world, {cloud: cloudNameOf(request.devcloud)});
  await using session = await openSession(settings, world);
  const {instance, isReused} = await ensureInstance(request, datastore, session, world);
  const passwordFile = `${instanceFolder(world.paths, request.devcloud)}/${instance.id}.password`;
  const password = await ensurePassword(passwordFile);
  const address = instance.addresses[0] ?? '';
  await awaitServer(address, datastore, world);
  const patience = {timeoutMs: madeWithinMs};
  await createDatabase(session, instance.id, database, patience, world);
  await createUser(session, instance.id, {name: user, password, databases: [database]}, patience, world);
  const client = remoteClient(datastore, address);
  const ask = (sql: string) => askDatabase(request.devcloud, datastore, [...client, sql], password, world);
  return {
    instance: {
      id: instance.id,
      name: instance.name,
      status: instance.status,
      operatingStatus: instance.operatingStatus,
      address,
    },
    sql: {query, serverVersion: await ask(datastore.queries.version), answer: await ask(query)},
    connection: {
      user,
      database,
      passwordFile,
      command: connectCommand(request.devcloud, datastore, client, passwordFile),
    },
    isReused,
  };
}

async function ensureInstance(
  {datastore, version}: DatabaseRequest,
  definition: DatastoreDefinition,
  session: CloudSession,
  world: World,
): Promise<{readonly instance: DatabaseInstance; readonly isReused: boolean}> {
  const name = `quickstart-${datastore}-${version}`;
  const known = (await listInstances(session)).find((instance) => instance.name === name);
  const hasFailed = known !== undefined && ['ERROR', 'FAILED'].includes(known.status);
  if (hasFailed) {
    world.emit({type: 'action', action: 'replace', target: `instance ${name}`, reason: `it is in ${known.status}`});
    await deleteInstance(session, known.id, {timeoutMs: goneWithinMs}, world);
  }
  const isKept = known !== undefined && !hasFailed;
  const found = isKept ? known : await orderInstance(name, {datastore, version}, definition, session, world);
  const instance = await waitForInstance(session, found.id, {timeoutMs: healthyWithinMs}, world);
  return {instance, isReused: isKept};
}

async function orderInstance(
  name: string,
  {datastore, version}: {readonly datastore: string; readonly version: string},
  definition: DatastoreDefinition,
  session: CloudSession,
  world: World,
): Promise<DatabaseInstance> {
  const {minimum} = definition;
  const flavors = (await listFlavors(session))
    .filter(({ramMiB, ephemeralGiB}) => ramMiB >= minimum.ramMiB && ephemeralGiB >= minimum.volumeGiB)
    .sort((a, b) => a.ramMiB - b.ramMiB || a.diskGiB - b.diskGiB);
  const [flavor] = flavors;
  const [network] = (await listNetworks(session)).filter(({isShared}) => isShared);
  if (!flavor || !network) {
    const what = flavor ? 'shared network' : `flavor with ${minimum.ramMiB} MiB of memory and an ephemeral disk`;
    throw new CloudError('nothing-suitable', {what, cloud: session.settings.name});
  }
  const instance = {name, datastore, version, flavorId: flavor.id, networkId: network.id};
  world.emit({type: 'action', action: 'create', target: `instance ${name}`, reason: `flavor ${flavor.name}`});
  return createInstance(session, instance);
}

/** Waits until the server listens: Trove calls an instance healthy for a while after its devcloud was stopped and started. */
async function awaitServer(address: string, datastore: DatastoreDefinition, world: World): Promise<void> {
  const port = Number.parseInt(String(datastore.ports[0]), 10);
  const deadline = performance.now() + listeningWithinMs;
  while (!(await isListening(address, port))) {
    if (performance.now() > deadline) {
      const what = `the server at ${address}:${port} to listen`;
      throw new CloudError('too-late', {what, seconds: listeningWithinMs / 1000, last: 'it refuses or is silent'});
    }
    await sleep(1000, undefined, {signal: world.signal}).catch(() => world.signal.throwIfAborted());
  }
}

async function isListening(host: string, port: number): Promise<boolean> {
  const socket = connect({host, port, timeout: 2000});
  try {
    socket.once('timeout', () => socket.destroy(new Error('silent')));
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // whatever the reason, it is asked again
  } finally {
    socket.destroy();
  }
}

/** The user's password: made once for each instance, readable by its owner alone. */
async function ensurePassword(path: string): Promise<string> {
  const known = await readFileIfThere(path);
  if (known !== undefined) return known.trim();
  const password = randomBytes(18).toString('base64url');
  await writeFileWhole(path, `${password}\n`, 0o600);
  return password;
}

function remoteClient(datastore: DatastoreDefinition, address: string): string[] {
  const values: Readonly<Record<string, string>> = {address, user, database};
  return datastore.client.remoteCommand.map((word) => word.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all));
}

/** Asks, and asks again for a while: Trove tells of a user a moment before the server lets it in. */
async function askDatabase(
  devcloud: string,
  datastore: DatastoreDefinition,
  command: readonly string[],
  password: string,
  world: World,
): Promise<string> {
  const env = {[datastore.client.passwordVariable ?? 'PASSWORD']: password};
  for (let attempt = 1; ; attempt++) {
    const outcome = await captureInDevcloud({name: devcloud, command, env}, world);
    if (outcome.exitCode === 0) return outcome.stdout.trim();
    if (attempt === 10) {
      const problem = `${describeEnd(outcome)}: ${lastLines(outcome.stderr, 3)}`;
      throw new CloudError('query-failed', {datastore: datastore.name, problem});
    }
    await sleep(2000, undefined, {signal: world.signal}).catch(() => world.signal.throwIfAborted());
  }
}

function connectCommand(
  devcloud: string,
  datastore: DatastoreDefinition,
  client: readonly string[],
  passwordFile: string,
): string {
  const variable = datastore.client.passwordVariable ?? 'PASSWORD';
  const interactive = client.slice(0, client.findIndex((word) => word.startsWith('--database=')) + 1 || undefined);
  const name = devcloud === 'devcloud' ? '' : ` --name ${devcloud}`;
  return `${variable}="$(cat ${passwordFile})" trovestack devcloud exec${name} --pass-env ${variable} -- ${interactive.join(' ')}`;
}
