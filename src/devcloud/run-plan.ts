import {configurationFiles, configurationFolders, hypervisor} from './configuration/index.js';
import {cloudNameOf, type Instance} from './instance.js';
import type {CloudSettings} from './profile.js';
import {runPrograms, stopping} from './programs.js';
import {chooseCloudSeries, defaultCloudSeries} from './series.js';
import type {Addresses} from './subnet.js';
import type {SupervisorPlan} from './supervision.js';

/** How a devcloud is configured on these addresses. */
export function settingsOf(
  instance: Instance,
  addresses: Addresses,
  accelerator: CloudSettings['accelerator'],
): CloudSettings {
  return {
    profile: instance.profile,
    series: chooseCloudSeries(instance.series ?? defaultCloudSeries, instance.profile),
    address: addresses.cloud,
    instances: addresses.instances,
    secrets: instance.secrets,
    accelerator,
    cloudName: cloudNameOf(instance.name),
  };
}

/** What a devcloud's supervisor is told. */
export function runPlan(settings: CloudSettings, addresses: Addresses): SupervisorPlan {
  return {
    until: 'stopped',
    network: {address: `${addresses.cloud}/${addresses.prefix}`, gateway: addresses.host},
    folders: configurationFolders(settings),
    files: configurationFiles(settings),
    services: runPrograms(settings),
    ...stopping,
    hypervisor: settings.profile === 'full' ? hypervisor : null,
  };
}
