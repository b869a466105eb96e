import {formatJson, type World} from '../base/index.js';
import type {RegisteredVersion} from '../datastore/index.js';
import {activateImage} from './activate-image.js';
import {type BuiltGuest, buildImage} from './build-image.js';
import {type DatabaseAnswer, ensureDatabase} from './database-instance.js';
import {devcloudDestroy} from './devcloud-destroy.js';
import {type DevcloudStatus, listDevclouds} from './devcloud-status.js';
import {checkDevcloudRequest, devcloudUp, requireRoot} from './devcloud-up.js';
import {loadImage} from './load-image.js';
import {findProof, keepProof} from './proofs.js';
import {type StageReport, Stages} from './stages.js';
import {demandSound, type Verdict, verifyImage} from './verify-image.js';

export interface QuickstartRequest {
  /** `mariadb`, `mariadb:11.8`. */
  readonly datastore: string;
  /** `api` stops after the datastore version is active. */
  readonly profile: 'api' | 'full';
  /** Of the devcloud. */
  readonly name: string;
  /** Destroy the devcloud at the end. */
  readonly destroy: boolean;
}

/** Everything that a quickstart made or found. */
export interface QuickstartResult {
  readonly image: BuiltGuest;
  readonly proof: Verdict;
  readonly devcloud: DevcloudStatus;
  readonly version: RegisteredVersion;
  /** Absent with profile `api`. */
  readonly instance?: DatabaseAnswer['instance'];
  readonly sql?: DatabaseAnswer['sql'];
  readonly connection?: DatabaseAnswer['connection'];
  readonly stages: readonly StageReport[];
  readonly isDestroyed: boolean;
}

/** The whole story, from elements to an answer in SQL. Each stage finds out by itself what is done already, so that an
 * interrupted run is taken up by the next.
 * @throws what its stages throw; what was finished before stays.
 */
export async function quickstart(request: QuickstartRequest, world: World): Promise<QuickstartResult> {
  requireRoot('run the quickstart');
  await checkDevcloudRequest(request, world);
  const stages = new Stages(world);
  const image = await build(request, stages, world);
  const proof = await prove(image, stages, world);
  const devcloud = await startCloud(request, stages, world);
  const cloud = devcloud.cloud;
  const imageId = await load(image, cloud, stages, world);
  const version = await activate(image, imageId, cloud, stages, world);
  const answer = request.profile === 'full' ? await runDatabase(request, image, stages, world) : undefined;
  if (request.destroy) await destroy(request, stages, world);
  return {image, proof, devcloud, version, ...answer, stages: stages.reports, isDestroyed: request.destroy};
}

function build({datastore}: QuickstartRequest, stages: Stages, world: World): Promise<BuiltGuest> {
  return stages.run('build', `Build the guest image of ${datastore}`, async () => {
    const outputFile = `${world.paths.state}/images/${datastore.replace(':', '-')}.qcow2`;
    const image = await buildImage({kind: 'datastore', datastore, outputFile}, world);
    const reused = image.stepsRun === 0 ? 'nothing changed since it was built' : undefined;
    return {value: image, detail: image.file, ...(reused ? {reused} : {})};
  });
}

function prove(image: BuiltGuest, stages: Stages, world: World): Promise<Verdict> {
  return stages.run('verify', 'Prove that it boots and serves', async () => {
    const key = {sha256: image.sha256, firmware: 'bios'} as const;
    const known = await findProof<Verdict>(key, world);
    if (known) return {value: known, reused: 'these bytes were proven before'};
    const value = await verifyImage({file: image.file, boot: true, firmware: 'bios'}, world);
    demandSound(value);
    await keepProof(key, value, world);
    return {value, detail: `server ${value.serverVersion}`};
  });
}

function startCloud({name, profile}: QuickstartRequest, stages: Stages, world: World): Promise<DevcloudStatus> {
  const title = profile === 'full' ? 'Start a real OpenStack' : 'Start Keystone, Glance and Trove';
  return stages.run('devcloud', title, async () => {
    const wasRunning = (await listDevclouds(world)).some((cloud) => cloud.name === name && cloud.running);
    const value = await devcloudUp({name, profile}, world);
    return {value, detail: `at ${value.address}`, ...(wasRunning ? {reused: 'it is running'} : {})};
  });
}

/** @returns The image's id in Glance. */
function load(image: BuiltGuest, cloud: string, stages: Stages, world: World): Promise<string | undefined> {
  return stages.run('load', 'Load the image and register its datastore version', async () => {
    const loaded = await loadImage({file: image.file, cloud}, world);
    return {value: loaded.image.id, ...(loaded.isChanged ? {} : {reused: 'the cloud has it as wanted'})};
  });
}

function activate(
  image: BuiltGuest,
  imageId: string | undefined,
  cloud: string,
  stages: Stages,
  world: World,
): Promise<RegisteredVersion> {
  const datastore = `${image.datastore}:${image.version}`;
  return stages.run('activate', `Make ${datastore} active and the default`, async () => {
    const activation = await activateImage({datastore, cloud, image: imageId, canary: {isWanted: false}}, world); // an instance comes next
    return {value: activation.version, ...(activation.isChanged ? {} : {reused: 'it is'})};
  });
}

function runDatabase(
  {name}: QuickstartRequest,
  image: BuiltGuest,
  stages: Stages,
  world: World,
): Promise<DatabaseAnswer> {
  return stages.run('instance', 'Ask Trove for a database, and the database for an answer', async () => {
    const answer = await ensureDatabase({devcloud: name, datastore: image.datastore, version: image.version}, world);
    return {
      value: answer,
      detail: `${answer.sql.query} → ${formatJson(answer.sql.answer)}, server ${answer.sql.serverVersion}`,
      ...(answer.isReused ? {reused: 'the instance is there'} : {}),
    };
  });
}

function destroy({name}: QuickstartRequest, stages: Stages, world: World): Promise<void> {
  return stages.run('destroy', 'Destroy the devcloud', async () => {
    await devcloudDestroy({name}, world);
    return {value: undefined};
  });
}
