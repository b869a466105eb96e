import type {World} from '../base/index.js';
import {
  addressesIn,
  cloudNameOf,
  defaultCloudSeries,
  type Instance,
  isAlive,
  listInstances,
  type Profile,
  programStates,
  requireInstance,
} from '../devcloud/index.js';

/** What there is to say of a devcloud, running or not. */
export interface DevcloudStatus {
  readonly name: string;
  readonly profile: Profile;
  /** Of OpenStack. */
  readonly series: string;
  readonly running: boolean;
  /** Of its endpoints; absent before the first start. */
  readonly address?: string;
  readonly subnet?: string;
  /** Where database instances are, in profile `full`. */
  readonly instances?: string;
  /** The name of its entry in clouds.yaml, and that file. */
  readonly cloud: string;
  readonly cloudsFile: string;
  readonly startedAt?: string;
  readonly services: readonly {readonly name: string; readonly state: string}[];
}

/** @throws {UsageError} `unknown-devcloud` */
export async function devcloudStatus(request: {readonly name: string}, world: World): Promise<DevcloudStatus> {
  return statusOf(await requireInstance(world.paths, request.name), world);
}

/** Every devcloud of this state folder. */
export async function listDevclouds(world: World): Promise<DevcloudStatus[]> {
  return Promise.all((await listInstances(world.paths)).map((instance) => statusOf(instance, world)));
}

export async function statusOf(instance: Instance, world: World): Promise<DevcloudStatus> {
  const {name, profile, run, subnet} = instance;
  const running = run !== undefined && (await isAlive(run.supervisor));
  const states = running ? await programStates(run.supervisor) : undefined;
  const addresses = subnet ? addressesIn(subnet) : undefined;
  return {
    name,
    profile,
    series: instance.series ?? defaultCloudSeries,
    running,
    ...(addresses ? {address: addresses.cloud, subnet: addresses.subnet} : {}),
    ...(addresses && profile === 'full' ? {instances: addresses.instances.cidr} : {}),
    cloud: cloudNameOf(name),
    cloudsFile: `${world.paths.state}/clouds.yaml`,
    ...(running ? {startedAt: run.startedAt} : {}),
    services: (states ?? []).filter(({kind}) => kind === 'service').map(({name, state}) => ({name, state})),
  };
}
