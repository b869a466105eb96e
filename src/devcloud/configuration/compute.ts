import {renderIni} from '../ini.js';
import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';
import {databaseUrl, serviceCredentials, serviceFile, transportUrl} from './common.js';

const privsepHelper = '/usr/bin/privsep-helper --config-file /etc/nova/nova.conf';

/** libvirt's address of what runs Nova's virtual machines. */
export const hypervisor = 'qemu:///system';

/** Configuration of Nova and of the libvirt that it drives. */
export function computeFiles(settings: CloudSettings): InnerFile[] {
  return [
    serviceFile('nova', '/etc/nova/nova.conf', {
      DEFAULT: {
        use_stderr: true,
        my_ip: '127.0.0.1',
        host: 'devcloud',
        transport_url: transportUrl(settings),
        state_path: '/var/lib/nova',
        instances_path: '/var/lib/nova/instances',
        osapi_compute_workers: 1,
        osapi_compute_listen: '0.0.0.0',
        enabled_apis: 'osapi_compute',
        compute_driver: 'libvirt.LibvirtDriver',
        force_config_drive: true,
        default_ephemeral_format: 'ext4',
        allow_resize_to_same_host: true,
        vif_plugging_is_fatal: false,
        vif_plugging_timeout: 120,
        reserved_host_memory_mb: 512,
        reserved_host_disk_mb: 1024,
        disk_allocation_ratio: 4,
        ram_allocation_ratio: 1.5,
        cpu_allocation_ratio: 16,
        resume_guests_state_on_host_boot: true,
        report_interval: 5,
      },
      api: {auth_strategy: 'keystone'},
      api_database: {connection: databaseUrl('nova', 'nova_api')},
      database: {connection: databaseUrl('nova')},
      cache: {enabled: false},
      conductor: {workers: 1},
      scheduler: {workers: 1},
      glance: {api_servers: 'http://127.0.0.1:9292'},
      keystone_authtoken: serviceCredentials('nova', settings),
      service_user: {send_service_user_token: true, ...serviceCredentials('nova', settings)},
      placement: serviceCredentials('placement', settings),
      neutron: serviceCredentials('neutron', settings),
      libvirt: {
        virt_type: settings.accelerator,
        connection_uri: hypervisor,
        cpu_mode: settings.accelerator === 'kvm' ? 'host-passthrough' : 'none',
        // A devcloud's disks may be lost with its host: no guest waits for a flush.
        disk_cachemodes: 'file=unsafe',
        hw_disk_discard: 'unmap',
      },
      os_vif_ovs: {ovsdb_connection: 'unix:/run/openvswitch/db.sock', ovsdb_interface: 'vsctl'},
      // nova-compute is root here: its helpers need neither sudo nor rootwrap, each a Python of its own.
      nova_sys_admin: {helper_command: privsepHelper},
      vif_plug_ovs_privileged: {helper_command: privsepHelper},
      oslo_concurrency: {lock_path: '/run/lock/nova'},
      oslo_policy: {policy_dirs: '/etc/nova/policy.d'},
      vnc: {enabled: false},
      spice: {enabled: false},
    }),
    {path: '/etc/nova/nova-compute.conf', owner: 'root:nova', mode: '0640', text: ''},
    ...libvirtFiles(),
  ];
}

/** libvirt without what it would ask a whole host for: security modules, cgroups, mount namespaces, other users. */
function libvirtFiles(): InnerFile[] {
  const daemon = [
    'unix_sock_group = "libvirt"',
    'unix_sock_rw_perms = "0770"',
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    'log_level = 3',
    'log_outputs = "3:stderr"',
    '',
  ];
  const qemu = [
    'security_driver = "none"',
    'user = "root"',
    'group = "root"',
    'dynamic_ownership = 0',
    'remember_owner = 0',
    'cgroup_controllers = [ ]',
    'namespaces = [ ]',
    'stdio_handler = "file"',
    '',
  ];
  return [
    {path: '/etc/libvirt/libvirtd.conf', owner: 'root:root', mode: '0644', text: daemon.join('\n')},
    {path: '/etc/libvirt/qemu.conf', owner: 'root:root', mode: '0600', text: qemu.join('\n')},
  ];
}

/** Configuration of Neutron: flat networks on userspace Open vSwitch. */
export function networkFiles(settings: CloudSettings): InnerFile[] {
  const ovsdb = 'unix:/run/openvswitch/db.sock';
  const files: Readonly<Record<string, string>> = {
    'neutron.conf': renderIni({
      DEFAULT: {
        use_stderr: true,
        core_plugin: 'ml2',
        service_plugins: 'router',
        transport_url: transportUrl(settings),
        auth_strategy: 'keystone',
        host: 'devcloud',
        api_workers: 1,
        rpc_workers: 1,
        rpc_state_report_workers: 0,
        state_path: '/var/lib/neutron',
        notify_nova_on_port_status_changes: true,
        notify_nova_on_port_data_changes: true,
        dhcp_agents_per_network: 1,
        interface_driver: 'openvswitch',
        bind_host: '0.0.0.0',
        dns_domain: '',
      },
      agent: {root_helper: 'sudo', report_interval: 30},
      database: {connection: databaseUrl('neutron')},
      keystone_authtoken: serviceCredentials('neutron', settings),
      nova: serviceCredentials('nova', settings),
      placement: serviceCredentials('placement', settings),
      oslo_concurrency: {lock_path: '/run/lock/neutron'},
      oslo_policy: {policy_dirs: '/etc/neutron/policy.d'},
      ovs: {ovsdb_connection: ovsdb},
    }),
    'plugins/ml2/ml2_conf.ini': renderIni({
      ml2: {
        type_drivers: 'flat,vxlan',
        tenant_network_types: 'vxlan',
        mechanism_drivers: 'openvswitch',
        extension_drivers: 'port_security',
      },
      ml2_type_flat: {flat_networks: 'physnet1'},
      ml2_type_vxlan: {vni_ranges: '1:1000'},
      securitygroup: {enable_security_group: true, firewall_driver: 'noop'},
    }),
    'plugins/ml2/openvswitch_agent.ini': renderIni({
      ovs: {
        datapath_type: 'netdev',
        bridge_mappings: 'physnet1:br-ex',
        ovsdb_connection: ovsdb,
        local_ip: settings.address,
      },
      agent: {tunnel_types: 'vxlan', root_helper: 'sudo'},
      securitygroup: {enable_security_group: false, firewall_driver: 'noop'},
    }),
    'dhcp_agent.ini': renderIni({
      DEFAULT: {
        interface_driver: 'openvswitch',
        enable_isolated_metadata: false,
        dhcp_driver: 'neutron.agent.linux.dhcp.Dnsmasq',
        resync_interval: 5,
        num_sync_threads: 1,
      },
      agent: {root_helper: 'sudo'},
      ovs: {ovsdb_connection: ovsdb, datapath_type: 'netdev'},
    }),
  };
  return Object.entries(files).map(([name, text]) => ({
    path: `/etc/neutron/${name}`,
    owner: 'root:neutron',
    mode: '0640',
    text,
  }));
}
