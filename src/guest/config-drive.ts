/** What Trove tells a guest of itself; the names are those of Trove's `guest_info.conf`. */
export interface GuestIdentity {
  readonly guestId: string;
  readonly manager: string;
  readonly datastoreVersion: string;
  readonly rpcKey: string;
}

/** A file by its path below the drive, or in the guest. */
export interface DriveFile {
  readonly path: string;
  readonly content: string;
}

/** Disk of the database's data in the guest: the second one. */
export const volumeDevice = '/dev/vdb';

/** Options of an agent that no control plane waits for: the address is one of those that lead nowhere (RFC 5737), nothing
 * answers, and the agent tries again. */
export const loneAgentOptions: readonly string[] = ['transport_url = rabbit://proof:proof@192.0.2.1:5672/'];

/** The configuration files that Trove injects into a guest.
 * @param options Lines of the agent's configuration that depend on the cloud.
 * @see trove/instance/models.py get_injected_files, Trove 23
 */
export function guestConfiguration(identity: GuestIdentity, options: readonly string[]): DriveFile[] {
  const info = [
    '[DEFAULT]',
    `guest_id=${identity.guestId}`,
    `datastore_manager=${identity.manager}`,
    `datastore_version=${identity.datastoreVersion}`,
    'tenant_id=proof',
    'network_isolation=False',
    `instance_rpc_encr_key=${identity.rpcKey}`,
  ];
  const agent = [
    '[DEFAULT]',
    ...options,
    'control_exchange = trove',
    'volume_fstype = ext4',
    `[${identity.manager}]`,
    'volume_support = True',
    `device_path = ${volumeDevice}`,
  ];
  return [
    {path: '/etc/trove/conf.d/guest_info.conf', content: `${info.join('\n')}\n`},
    {path: '/etc/trove/conf.d/trove-guestagent.conf', content: `${agent.join('\n')}\n`},
  ];
}

/** User data that writes files, as Trove writes it.
 * @see trove/instance/models.py prepare_cloud_config, Trove 23
 */
export function cloudConfig(files: readonly DriveFile[]): string {
  const entries = files.map(({path, content}) =>
    [
      '- encoding: b64',
      '  owner: trove:trove',
      `  path: ${path}`,
      `  content: ${Buffer.from(content).toString('base64')}`,
      '',
    ].join('\n'),
  );
  return `#cloud-config\nwrite_files:\n${entries.join('')}`;
}

/** Volume label by which guests know a config drive. */
export const configDriveLabel = 'config-2';

/** What is on Nova's config drive for a guest. */
export function configDrive(identity: GuestIdentity, options: readonly string[]): DriveFile[] {
  const metadata = {
    uuid: identity.guestId,
    name: 'proof',
    hostname: 'proof',
    launch_index: 0,
    availability_zone: 'nova',
  };
  return [
    {path: 'openstack/latest/meta_data.json', content: JSON.stringify(metadata)},
    {path: 'openstack/latest/network_data.json', content: JSON.stringify({links: [], networks: [], services: []})},
    {path: 'openstack/latest/user_data', content: cloudConfig(guestConfiguration(identity, options))},
  ];
}
