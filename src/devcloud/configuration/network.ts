import {renderIni} from '../ini.js';
import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';
import {databaseUrl, serviceCredentials, transportUrl} from './common.js';

/** Where the one database server of Open vSwitch and OVN listens: a socket for root, a port for Neutron, which isn't. */
export const switchSocket = 'unix:/run/openvswitch/db.sock';
export const switchPort = 6641;

/** Configuration of Neutron: flat networks on OVN, with Open vSwitch in user space. OVN's own programs give addresses out and
 * need no agent in Python. */
export function networkFiles(settings: CloudSettings): InnerFile[] {
  const switches = `tcp:127.0.0.1:${switchPort}`;
  const files: Readonly<Record<string, string>> = {
    'neutron.conf': renderIni({
      DEFAULT: {
        use_stderr: true,
        core_plugin: 'ml2',
        service_plugins: 'ovn-router',
        transport_url: transportUrl(settings),
        auth_strategy: 'keystone',
        host: 'devcloud',
        api_workers: 1,
        rpc_workers: 0,
        rpc_state_report_workers: 0,
        state_path: '/var/lib/neutron',
        notify_nova_on_port_status_changes: true,
        notify_nova_on_port_data_changes: true,
        bind_host: '0.0.0.0',
        dns_domain: '',
      },
      database: {connection: databaseUrl('neutron')},
      keystone_authtoken: serviceCredentials('neutron', settings),
      nova: serviceCredentials('nova', settings),
      placement: serviceCredentials('placement', settings),
      oslo_concurrency: {lock_path: '/run/lock/neutron'},
      oslo_policy: {policy_dirs: '/etc/neutron/policy.d'},
    }),
    'plugins/ml2/ml2_conf.ini': renderIni({
      ml2: {
        type_drivers: 'flat,geneve',
        tenant_network_types: 'geneve',
        mechanism_drivers: 'ovn',
        extension_drivers: 'port_security',
      },
      ml2_type_flat: {flat_networks: 'physnet1'},
      ml2_type_geneve: {vni_ranges: '1:1000', max_header_size: 38},
      ovn: {ovn_nb_connection: switches, ovn_sb_connection: switches, ovn_metadata_enabled: false},
    }),
  };
  return Object.entries(files).map(([name, text]) => ({
    path: `/etc/neutron/${name}`,
    owner: 'root:neutron',
    mode: '0640',
    text,
  }));
}
