import type {DatastoreDefinition} from '../datastore/index.js';
import {type DriveFile, type GuestIdentity, volumeDevice} from './config-drive.js';

/** Where a guest under proof finds the message broker: its name only the proof's name server knows. The address is one of
 * those that lead nowhere (RFC 5737), and the loopback device of the proof's own network has it. */
export const broker = {name: 'broker.proof.test', address: '192.0.2.1'} as const;

/** Address of Nova's metadata service. */
const metadataAddress = '169.254.169.254';

export interface ControlPlane {
  readonly identity: GuestIdentity;
  readonly datastore: DatastoreDefinition;
  /** Of the user `trove` of the message broker. */
  readonly brokerPassword: string;
  /** Of the database's user. */
  readonly userPassword: string;
  readonly memoryMiB: number;
  readonly cpus: number;
}

/** The part of the agent's configuration that leads it to a control plane. The proof waits for less than a cloud does. */
export function agentOptions(brokerPassword: string): string[] {
  return [
    `transport_url = rabbit://trove:${brokerPassword}@${broker.name}:5672/`,
    'report_interval = 5',
    'state_change_wait_time = 300',
    'state_change_poll_time = 1',
    'state_healthy_counts = 2',
  ];
}

/** What proof/control_plane.py reads, by file name. */
export function controlPlaneFiles(plane: ControlPlane): DriveFile[] {
  return [
    {path: 'plan.json', content: JSON.stringify(proofPlan(plane))},
    {path: 'trove.conf', content: troveConfiguration(plane)},
    {path: 'rabbitmq.conf', content: brokerConfiguration(plane)},
  ];
}

function proofPlan({identity, datastore, userPassword, memoryMiB, cpus}: ControlPlane) {
  return {
    guestId: identity.guestId,
    tenantId: 'proof',
    rpcKey: identity.rpcKey,
    brokerAddress: broker.address,
    datastore: datastore.name,
    manager: identity.manager,
    version: identity.datastoreVersion,
    memoryMiB,
    cpus,
    devicePath: volumeDevice,
    mountPoint: datastore.mountPoint,
    database: 'proof',
    user: 'proof',
    password: userPassword,
    client: datastore.client.remoteCommand,
    passwordVariable: datastore.client.passwordVariable ?? '',
    healthQuery: datastore.queries.health,
    versionQuery: datastore.queries.version,
  };
}

function troveConfiguration({identity, brokerPassword}: ControlPlane): string {
  const lines = [
    '[DEFAULT]',
    `transport_url = rabbit://trove:${brokerPassword}@127.0.0.1:5672/`,
    'control_exchange = trove',
    'enable_secure_rpc_messaging = True',
    `inst_rpc_key_encr_key = ${identity.rpcKey}`,
    'use_stderr = True',
    '[database]',
    'connection = sqlite:////var/tmp/trove.sqlite',
  ];
  return `${lines.join('\n')}\n`;
}

function brokerConfiguration({brokerPassword}: ControlPlane): string {
  const lines = [
    'listeners.tcp.default = 0.0.0.0:5672',
    'default_user = trove',
    `default_pass = ${brokerPassword}`,
    'default_permissions.configure = .*',
    'default_permissions.read = .*',
    'default_permissions.write = .*',
    'disk_free_limit.absolute = 1MB',
    'log.console = true',
    'log.console.level = info',
    'log.file = false',
  ];
  return `${lines.join('\n')}\n`;
}

/** Folders of the proof's world. */
export const proofFolders = {programs: '/proof', settings: '/proof-settings', drive: '/drive'} as const;

/** Shell lines that give the world a network of its own, with a control plane in it. What it tells goes to standard error, one
 * line at a time, since the machine's console is on standard output. */
export function controlPlaneLines(): string[] {
  const {programs, settings, drive} = proofFolders;
  const services = ['python3', '-B', `${programs}/network_services.py`, drive, broker.name, broker.address];
  const trove = ['python3', '-B', `${programs}/control_plane.py`, `${settings}/plan.json`];
  return [
    'ip link set lo up',
    ...[broker.address, metadataAddress].map((address) => `ip address add ${address}/32 dev lo`),
    // QEMU hands the guest's questions to the first name server of this file.
    "printf 'nameserver 127.0.0.1\\n' > /etc/resolv.conf",
    `printf '127.0.0.1 localhost %s\\n' "$(hostname)" > /etc/hosts`,
    `${services.join(' ')} 3>&2 > /var/log/network-services.log 2>&1 &`,
    `${trove.join(' ')} --config-file ${settings}/trove.conf 3>&2 > /var/log/control-plane.log 2>&1 &`,
  ];
}
