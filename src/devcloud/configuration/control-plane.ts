import type {CloudSettings} from '../profile.js';
import type {InnerFile} from '../supervision.js';
import {databaseUrl, serviceCredentials, serviceFile, transportUrl} from './common.js';

/** Configuration of Keystone. */
export function identityFiles(): InnerFile[] {
  return [
    serviceFile('keystone', '/etc/keystone/keystone.conf', {
      DEFAULT: {use_stderr: true, log_dir: ''},
      database: {connection: databaseUrl('keystone')},
      token: {provider: 'fernet', expiration: 86_400},
      // Passwords are long and random: bcrypt's rounds would only slow every token down.
      identity: {password_hash_rounds: 4},
      // Without it each token costs hundreds of queries. One process serves them all, so its memory is the whole truth.
      cache: {enabled: true, backend: 'oslo_cache.dict', expiration_time: 600},
      oslo_policy: {policy_dirs: '/etc/keystone/policy.d'},
    }),
  ];
}

/** Configuration of Glance. */
export function imageFiles(settings: CloudSettings): InnerFile[] {
  const sections = {
    DEFAULT: {
      use_stderr: true,
      workers: 1,
      bind_host: '0.0.0.0',
      transport_url: transportUrl(settings),
      enabled_backends: 'files:file',
      worker_self_reference_url: `http://${settings.address}:9292`,
    },
    database: {connection: databaseUrl('glance')},
    glance_store: {default_backend: 'files'},
    files: {filesystem_store_datadir: '/var/lib/glance/images/'},
    os_glance_tasks_store: {filesystem_store_datadir: '/var/lib/glance/tasks'},
    os_glance_staging_store: {filesystem_store_datadir: '/var/lib/glance/staging'},
    keystone_authtoken: serviceCredentials('glance', settings),
    paste_deploy: {flavor: 'keystone'},
    oslo_policy: {policy_dirs: '/etc/glance/policy.d'},
  };
  return ['glance-api.conf', 'glance-manage.conf'].map((name) =>
    serviceFile('glance', `/etc/glance/${name}`, sections),
  );
}

/** Configuration of Placement. */
export function placementFiles(settings: CloudSettings): InnerFile[] {
  return [
    serviceFile('placement', '/etc/placement/placement.conf', {
      DEFAULT: {use_stderr: true},
      api: {auth_strategy: 'keystone'},
      keystone_authtoken: serviceCredentials('placement', settings),
      placement_database: {connection: databaseUrl('placement')},
      oslo_policy: {policy_dirs: '/etc/placement/policy.d'},
    }),
  ];
}

/** Configuration of Cinder's API. No volumes are served: Trove asks for them when an instance is deleted. */
export function volumeFiles(settings: CloudSettings): InnerFile[] {
  return [
    serviceFile('cinder', '/etc/cinder/cinder.conf', {
      DEFAULT: {
        use_stderr: true,
        transport_url: transportUrl(settings),
        auth_strategy: 'keystone',
        state_path: '/var/lib/cinder',
        osapi_volume_workers: 1,
      },
      database: {connection: databaseUrl('cinder')},
      keystone_authtoken: serviceCredentials('cinder', settings),
      oslo_concurrency: {lock_path: '/run/lock/cinder'},
      oslo_policy: {policy_dirs: '/etc/cinder/policy.d'},
    }),
  ];
}

/** Configuration of RabbitMQ. Its user is made when the node starts for the first time. */
export function messagingFiles(settings: CloudSettings): InnerFile[] {
  const text = [
    'listeners.tcp.default = 0.0.0.0:5672',
    'default_user = trovestack',
    `default_pass = ${settings.secrets.messaging}`,
    'default_permissions.configure = .*',
    'default_permissions.read = .*',
    'default_permissions.write = .*',
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
    '',
  ].join('\n');
  return [{path: '/etc/rabbitmq/rabbitmq.conf', owner: 'root:rabbitmq', mode: '0640', text}];
}
