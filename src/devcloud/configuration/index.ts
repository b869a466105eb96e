import {stringify} from 'yaml';
import {cloudEntry} from '../clouds-file.js';
import {type CloudSettings, catalogOf} from '../profile.js';
import type {InnerFile, InnerFolder} from '../supervision.js';
import {computeFiles} from './compute.js';
import {identityFiles, imageFiles, messagingFiles, placementFiles, volumeFiles} from './control-plane.js';
import {databaseFiles} from './database.js';
import {networkFiles} from './network.js';

export {databaseUrl} from './common.js';
export {hypervisor} from './compute.js';
export {switchPort, switchSocket} from './network.js';

/** Every configuration file of a devcloud. Pure: written by its supervisor before anything starts. */
export function configurationFiles(settings: CloudSettings): InnerFile[] {
  return [
    ...identityFiles(),
    ...imageFiles(settings),
    ...databaseFiles(settings),
    ...(settings.profile === 'full'
      ? [
          ...messagingFiles(settings),
          ...placementFiles(settings),
          ...computeFiles(settings),
          ...networkFiles(settings),
          ...volumeFiles(settings),
        ]
      : []),
    {
      path: '/etc/openstack/clouds.yaml',
      owner: 'root:root',
      mode: '0600',
      text: stringify({clouds: {[settings.cloudName]: cloudEntry(settings)}}),
    },
    {path: '/run/trovestack/settings.json', owner: 'root:root', mode: '0600', text: taskSettings(settings)},
  ];
}

/** What the tasks in devcloud/ read. */
function taskSettings(settings: CloudSettings): string {
  return JSON.stringify({
    address: settings.address,
    secrets: settings.secrets,
    instances: settings.instances ?? null,
    services: catalogOf(settings.profile),
  });
}

/** Folders that the services expect, with their owners. */
export function configurationFolders(settings: CloudSettings): InnerFolder[] {
  const folder = (path: string, user: string, group = user) => ({path, owner: `${user}:${group}`, mode: '0755'});
  const always = [
    folder('/run/mysqld', 'mysql'),
    folder('/var/lib/glance/images', 'glance'),
    folder('/var/lib/glance/tasks', 'glance'),
    folder('/var/lib/glance/staging', 'glance'),
    folder('/etc/trove/cloudinit', 'trove'),
  ];
  if (settings.profile === 'api') return always;
  return [
    ...always,
    folder('/run/openvswitch', 'root'),
    folder('/run/ovn', 'root'),
    folder('/var/lib/ovn', 'root'),
    ...['nova', 'neutron', 'cinder'].map((service) => folder(`/run/lock/${service}`, service)),
  ];
}
