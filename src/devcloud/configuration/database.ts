import type {IniSections} from '../ini.js';
import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';
import {databaseUrl, identityUrl, serviceCredentials, serviceFile, transportUrl} from './common.js';

/** Configuration of Trove, and of the guest agents that it creates instances with. */
export function databaseFiles(settings: CloudSettings): InnerFile[] {
  return [
    serviceFile('trove', '/etc/trove/trove.conf', {
      DEFAULT: {
        use_stderr: true,
        transport_url: transportUrl(settings),
        control_exchange: 'trove',
        bind_port: 8779,
        trove_api_workers: 1,
        trove_conductor_workers: 1,
        network_driver: 'trove.network.neutron.NeutronDriver',
        // The database's volume is the flavor's ephemeral disk.
        trove_volume_support: false,
        enable_volume_az: false,
        volume_fstype: 'ext4',
        use_nova_server_config_drive: true,
        management_networks: '',
        management_security_groups: '',
        trove_security_groups_support: false,
        taskmanager_manager: 'trove.taskmanager.manager.Manager',
        // Of each method, a minute and project; the default of 200 is in the way of tests.
        http_get_rate: 100_000,
        http_post_rate: 100_000,
        http_put_rate: 100_000,
        http_delete_rate: 100_000,
        http_mgmt_post_rate: 100_000,
        default_datastore: 'mariadb',
        agent_call_high_timeout: 600,
        agent_call_low_timeout: 60,
        agent_heartbeat_expiry: 600,
        usage_timeout: 1800,
        restore_usage_timeout: 1800,
        reboot_time_out: 600,
        state_change_wait_time: 900,
        ...adminClients,
        nova_compute_endpoint_type: 'publicURL',
        neutron_endpoint_type: 'publicURL',
        glance_endpoint_type: 'publicURL',
        cinder_endpoint_type: 'publicURL',
        cloudinit_location: '/etc/trove/cloudinit',
        guest_config: '/etc/trove/trove-guestagent.conf',
        injected_config_owner: 'trove',
        injected_config_group: 'trove',
      },
      database: {connection: databaseUrl('trove')},
      keystone_authtoken: serviceCredentials('trove', settings),
      service_credentials: guestCredentials(settings, identityUrl),
      ...managers,
      network: {enable_access_check: false, network_isolation: false},
      oslo_messaging_rabbit: {rabbit_quorum_queue: false},
      oslo_policy: {policy_dirs: '/etc/trove/policy.d'},
    }),
    serviceFile('trove', '/etc/trove/trove-guestagent.conf', {
      DEFAULT: {
        transport_url: transportUrl(settings, settings.address),
        control_exchange: 'trove',
        debug: false,
        use_stderr: true,
        command_process_timeout: 300,
        state_change_wait_time: 900,
        state_change_poll_time: 3,
        // How often the database has to answer in a row; each time costs seconds where processors are emulated.
        state_healthy_counts: 2,
        agent_heartbeat_time: 10,
        volume_fstype: 'ext4',
      },
      service_credentials: guestCredentials(settings, `http://${settings.address}:5000/v3`),
      ...managers,
    }),
  ];
}

/** Trove acts as its own service user towards the other services. */
const adminClients = Object.fromEntries(
  ['nova', 'cinder', 'neutron', 'glance', 'swift'].map((service) => [
    `remote_${service}_client`,
    `trove.common.clients_admin.${service}_client_trove_admin`,
  ]),
);

/** The ephemeral disk is the second one that a guest sees. */
const managers: IniSections = {
  mariadb: {tcp_ports: 3306, volume_support: false, device_path: '/dev/vdb', docker_image: 'mariadb'},
  mysql: {tcp_ports: 3306, volume_support: false, device_path: '/dev/vdb'},
  postgresql: {tcp_ports: 5432, volume_support: false, device_path: '/dev/vdb'},
};

function guestCredentials(settings: CloudSettings, url: string): IniSections[string] {
  return {
    auth_url: url,
    region_name: 'RegionOne',
    project_name: 'service',
    username: 'trove',
    password: settings.secrets.service,
    project_domain_name: 'Default',
    user_domain_name: 'Default',
  };
}
