import {canonicalJson, type Sha256, sha256} from '../base/index.js';
import {configurationFiles, configurationFolders} from './configuration/index.js';
import type {CloudSettings, Profile} from './profile.js';
import {initialisationPrograms, stopping} from './programs.js';
import type {CloudSeries} from './series.js';
import type {SupervisorPlan} from './supervision.js';

/** Packages of profile `api`, and those that profile `full` adds in a layer above. */
export const layerPackages: Readonly<Record<Profile, readonly string[]>> = {
  api: [
    ...['keystone', 'glance-api', 'trove-api', 'python3-openstackclient', 'python3-troveclient'],
    ...['mariadb-server', 'mariadb-client', 'uwsgi-plugin-python3', 'python3-pymysql', 'python3-bcrypt'],
    ...['iproute2', 'iputils-ping', 'curl', 'jq', 'procps', 'ca-certificates'],
  ],
  full: [
    ...['rabbitmq-server', 'trove-taskmanager', 'trove-conductor', 'placement-api', 'cinder-api'],
    ...['nova-api', 'nova-conductor', 'nova-scheduler', 'nova-compute', 'nova-compute-kvm'],
    ...['neutron-api', 'neutron-rpc-server', 'openvswitch-switch', 'ovn-central', 'ovn-host'],
    ...['libvirt-daemon-system', 'qemu-system-x86', 'qemu-utils'],
    ...['genisoimage', 'ethtool', 'dmidecode', 'openssh-client'],
  ],
};

/** Left out of what packages install. */
export const leftOut = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];

/** Key of the layer with a profile's packages. */
export function packagesKey(profile: Profile, series: CloudSeries): Sha256 {
  const below = profile === 'full' ? packagesKey('api', series) : null;
  return sha256(
    canonicalJson({form: 1, servicesRelease: series.release, packages: layerPackages[profile], leftOut, below}),
  );
}

/** Key of the initialised state of a profile: its packages, what initialises it, and the tasks' own text. */
export function stateKey(profile: Profile, series: CloudSeries, scripts: Readonly<Record<string, string>>): Sha256 {
  const plan = initialisationPlan(profile, series, {admin: '', service: '', messaging: ''});
  return sha256(canonicalJson({form: 1, packages: packagesKey(profile, series), plan, scripts}));
}

/** What initialises a profile's state. Its address and secrets are replaced in every devcloud that stands on it. */
export function initialisationPlan(
  profile: Profile,
  series: CloudSeries,
  secrets: CloudSettings['secrets'],
): SupervisorPlan {
  const settings: CloudSettings = {
    profile,
    series,
    address: '127.0.0.1',
    secrets,
    accelerator: 'qemu',
    cloudName: 'initialisation',
  };
  return {
    until: 'tasks done',
    network: null,
    folders: configurationFolders(settings),
    files: configurationFiles(settings),
    services: initialisationPrograms(settings),
    ...stopping,
    hypervisor: null,
  };
}

/** Below an initialised state: what each devcloud makes anew, so that none shares another's keys, users or messages. */
export const notFrozen = [
  'etc/keystone/fernet-keys',
  'etc/keystone/credential-keys',
  'var/lib/rabbitmq/mnesia',
  'var/lib/rabbitmq/.erlang.cookie',
  'var/log/trovestack',
];
