import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';
import {databaseUrl, serviceCredentials, serviceFile, transportUrl} from './common.js';
import {switchSocket} from './network.js';

const privsepHelper = '/usr/bin/privsep-helper --config-file /etc/nova/nova.conf';

/** libvirt's address of what runs Nova's virtual machines. */
export const hypervisor = 'qemu:///system';

/** Configuration of Nova and of the libvirt that it drives. */
export function computeFiles(settings: CloudSettings): InnerFile[] {
  const common = {
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
    // Queues that outlast their listeners: a message to a service that is only starting waits for it.
    oslo_messaging_rabbit: {amqp_durable_queues: true, rabbit_retry_interval: 1, rabbit_retry_backoff: 0},
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
    os_vif_ovs: {ovsdb_connection: switchSocket, ovsdb_interface: 'vsctl'},
    // nova-compute is root here: its helpers need neither sudo nor rootwrap, each a Python of its own.
    nova_sys_admin: {helper_command: privsepHelper},
    vif_plug_ovs_privileged: {helper_command: privsepHelper},
    oslo_concurrency: {lock_path: '/run/lock/nova'},
    oslo_policy: {policy_dirs: '/etc/nova/policy.d'},
    vnc: {enabled: false},
    spice: {enabled: false},
  };
  const databases = {
    api_database: {connection: databaseUrl('nova', 'nova_api')},
    database: {connection: databaseUrl('nova')},
  };
  return [
    serviceFile('nova', '/etc/nova/nova.conf', {...common, ...databases}),
    // nova-compute asks the conductor; it has no access to the databases.
    serviceFile('nova', '/etc/nova/nova-compute.conf', common),
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
