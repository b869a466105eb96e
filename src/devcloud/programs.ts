import {databaseUrl, switchPort, switchSocket} from './configuration/index.js';
import {type CloudSettings, catalogOf, type Profile} from './profile.js';
import type {Condition, SupervisedProgram} from './supervision.js';

type Details = Partial<Pick<SupervisedProgram, 'env' | 'cwd' | 'after'>>;

function service(name: string, user: string, argv: readonly string[], details: Details = {}): SupervisedProgram {
  return {name, kind: 'service', user, argv, env: {}, cwd: '/', after: [], ...details};
}

function task(name: string, user: string, argv: readonly string[], after: readonly Condition[]): SupervisedProgram {
  return {name, kind: 'task', user, argv, env: {}, cwd: '/', after};
}

/** A task that is one of the files in devcloud/. */
function ownTask(name: string, script: string, after: readonly Condition[]): SupervisedProgram {
  return task(name, 'root', ['/usr/bin/python3', '-B', `/run/trovestack/${script}`], after);
}

function wsgi(name: string, port: number, program: string, after: readonly Condition[]): SupervisedProgram {
  const argv = [
    '/usr/bin/uwsgi_python3',
    ...['--http-socket', `0.0.0.0:${port}`, '--wsgi-file', program],
    ...['--master', '--processes', '1', '--threads', '8', '--enable-threads', '--lazy-apps', '--thunder-lock'],
    // uwsgi closes kept-alive connections without a word; clients have to know beforehand.
    ...['--buffer-size', '65535', '--add-header', 'Connection: close', '--need-app', '--die-on-term'],
  ];
  return service(name, name, argv, {after});
}

const database: Condition = 'unix:/run/mysqld/mysqld.sock';
const messaging: Condition = 'tcp:5672';
const identity: Condition = 'tcp:5000';
const nbctlOptions = [`--db=${switchSocket}`, '--timeout=120', '--wait=hv'];
const neutronFiles = ['--config-file', '/etc/neutron/neutron.conf'];

/** MariaDB, for the services on its socket alone. Durability is the throw-away kind. */
const mariadb = service('mariadb', 'mysql', [
  '/usr/sbin/mariadbd',
  '--skip-networking',
  '--skip-log-bin',
  '--performance-schema=off',
  '--innodb-buffer-pool-size=128M',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-flush-method=nosync',
  '--innodb-doublewrite=0',
  '--max-connections=600',
]);

const rabbitmq = service('rabbitmq', 'rabbitmq', ['/usr/lib/rabbitmq/bin/rabbitmq-server'], {
  cwd: '/var/lib/rabbitmq',
  env: {
    RABBITMQ_NODENAME: 'rabbit@localhost',
    // One scheduler that does not spin, and Erlang's own ports out of the instances' sight.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '+sbwt none +sbwtdcpu none +sbwtdio none +S 1:1 -kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_ADDRESS: '127.0.0.1',
  },
});

function keystone({series}: CloudSettings, after: readonly Condition[]): SupervisedProgram {
  return wsgi('keystone', 5000, series.identityProgram, after);
}

function glance({series}: CloudSettings): SupervisedProgram {
  const after: Condition[] = [database];
  if (series.imageProgram !== undefined) {
    return {...wsgi('glance', 9292, series.imageProgram, after), cwd: '/var/lib/glance'};
  }
  const argv = ['/usr/bin/glance-api', '--config-file', '/etc/glance/glance-api.conf'];
  return service('glance', 'glance', argv, {cwd: '/var/lib/glance', after});
}

/** Open vSwitch in user space and OVN on one database server, and the bridge that instances reach the namespace by. */
function switchPrograms(gateway: string | undefined): SupervisedProgram[] {
  const socket: Condition = 'unix:/run/openvswitch/db.sock';
  const schemas = '/usr/share';
  const databases = [
    {file: '/var/lib/openvswitch/conf.db', schema: `${schemas}/openvswitch/vswitch.ovsschema`},
    {file: '/var/lib/ovn/ovnnb_db.db', schema: `${schemas}/ovn/ovn-nb.ovsschema`},
    {file: '/var/lib/ovn/ovnsb_db.db', schema: `${schemas}/ovn/ovn-sb.ovsschema`},
  ];
  const create = 'while [ $# -gt 0 ]; do test -f "$1" || ovsdb-tool create "$1" "$2"; shift 2; done';
  const createAll = ['/bin/sh', '-ec', create, 'sh', ...databases.flatMap(({file, schema}) => [file, schema])];
  const listeners = ['--remote=punix:/run/openvswitch/db.sock', `--remote=ptcp:${switchPort}:127.0.0.1`];
  const ids = {
    hostname: 'devcloud',
    'system-id': 'devcloud',
    'ovn-remote': switchSocket,
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': '127.0.0.1',
    'ovn-bridge-datapath-type': 'netdev',
    'ovn-bridge-mappings': 'physnet1:br-ex',
  };
  const external = Object.entries(ids).map(([name, value]) => `external_ids:${name}="${value}"`);
  return [
    task('switch-databases', 'root', createAll, []),
    service('ovsdb', 'root', ['/usr/sbin/ovsdb-server', ...listeners, ...databases.map(({file}) => file)], {
      after: ['done:switch-databases'],
    }),
    task(
      'switch-settings',
      'root',
      [
        ...['/usr/bin/ovs-vsctl', '--timeout=30', '--no-wait', 'init', '--'],
        ...['set', 'Open_vSwitch', '.', 'other_config:userspace-tso-enable=true', ...external],
      ],
      [socket],
    ),
    service('ovs-vswitchd', 'root', ['/usr/sbin/ovs-vswitchd', switchSocket], {after: ['done:switch-settings']}),
    task(
      'bridge',
      'root',
      ['/bin/sh', '/run/trovestack/set_up_bridge.sh', ...(gateway ? [gateway] : [])],
      ['done:switch-settings'],
    ),
    service('ovn-northd', 'root', ['/usr/bin/ovn-northd', `--ovnnb-db=${switchSocket}`, `--ovnsb-db=${switchSocket}`], {
      after: [socket],
    }),
    service('ovn-controller', 'root', ['/usr/bin/ovn-controller', switchSocket], {after: ['done:bridge']}),
  ];
}

/** Placement, Nova and Neutron: what places, boots and connects instances. */
function computePrograms(ready: (service: string) => readonly Condition[]): SupervisedProgram[] {
  const nova = (name: string) =>
    service(name, 'nova', [`/usr/bin/${name}`, '--config-file', '/etc/nova/nova.conf'], {after: ready('nova')});
  const ml2 = (file: string) => ['--config-file', `/etc/neutron/plugins/ml2/${file}`];
  return [
    // None of these waits for the broker: they load meanwhile, and connect again until it is there.
    service('neutron-server', 'neutron', ['/usr/bin/neutron-server', ...neutronFiles, ...ml2('ml2_conf.ini')], {
      after: [...ready('neutron'), `tcp:${switchPort}`],
    }),
    service('libvirtd', 'root', ['/usr/sbin/libvirtd']),
    wsgi('placement', 8778, '/usr/bin/placement-api', ready('placement')),
    nova('nova-api'),
    nova('nova-conductor'),
    nova('nova-scheduler'),
    service('nova-compute', 'root', ['/usr/bin/nova-compute', '--config-file', '/etc/nova/nova-compute.conf'], {
      after: [...ready('nova'), 'tcp:8778', identity, 'unix:/run/libvirt/libvirt-sock'],
    }),
  ];
}

/** How a devcloud is stopped. nova-compute goes first, and at once: it would take the end of its guests for their owners'
 * wish, and not start them again. */
export const stopping = {killFirst: ['nova-compute'], endCleanly: ['mariadb', 'rabbitmq', 'ovsdb']} as const;

/** What a devcloud runs, in the order it is started. */
export function runPrograms(settings: CloudSettings): SupervisedProgram[] {
  const own: Condition[] = ['done:identity-settings'];
  const trove = (name: string, after: readonly Condition[]) =>
    service(name, 'trove', [`/usr/bin/${name}`, '--config-file=/etc/trove/trove.conf'], {after});
  const common = [
    ownTask('identity-keys', 'identity_keys.py', []),
    ownTask('identity-settings', 'personalise_identity.py', [database]),
    keystone(settings, [...own, 'done:identity-keys']),
    glance(settings),
    trove('trove-api', [database]),
  ];
  if (settings.profile === 'api') return [mariadb, ...common];
  return [
    mariadb,
    rabbitmq,
    ...switchPrograms(settings.instances && `${settings.instances.gateway}/25`),
    ...common,
    ...computePrograms(() => [database]),
    trove('trove-taskmanager', [database, messaging]),
    trove('trove-conductor', [database, messaging]),
    wsgi('cinder', 8776, '/usr/bin/cinder-wsgi', [database]),
    ownTask('instance-network', 'seed_network.py', [identity, 'tcp:9696']),
    ownTask('message-queues', 'await_queues.py', [messaging]),
    // OVN's own word that it has come to the end of its work here. Neutron asks for it at most every 37 s.
    task('switch-in-step', 'root', ['/usr/bin/ovn-nbctl', ...nbctlOptions, 'sync'], ['done:bridge']),
  ];
}

/** What initialises the state that every devcloud of a profile starts from: databases, users, endpoints, and in profile
 * `full` flavors and a known compute host. Ends by itself. */
export function initialisationPrograms(settings: CloudSettings): SupervisedProgram[] {
  const {profile, secrets} = settings;
  const catalog = catalogOf(profile).filter(({name}) => name !== 'nova');
  const schemas = catalog.map(({name}) => schemaTask(name));
  const common = [
    mariadb,
    task('databases', 'root', ['/usr/bin/mariadb', '--execute', databaseStatements(profile)], [database]),
    ownTask('identity-keys', 'identity_keys.py', []),
    task('keystone-schema', 'keystone', ['/usr/bin/keystone-manage', 'db_sync'], ['done:databases']),
    {
      ...task('identity-bootstrap', 'keystone', bootstrapCommand, ['done:keystone-schema', 'done:identity-keys']),
      env: {OS_BOOTSTRAP_PASSWORD: secrets.admin},
    },
    keystone(settings, ['done:identity-bootstrap']),
    ownTask('identity-seed', 'seed_identity.py', [identity]),
    ...schemas,
  ];
  if (profile === 'api') return common;
  return [
    ...common,
    rabbitmq,
    ...switchPrograms(undefined),
    task('nova-schema', 'nova', ['/bin/sh', '-ec', novaSchemaScript], ['done:databases']),
    ...computePrograms((name) => [`done:${name}-schema`, 'done:identity-seed']),
    ownTask('flavors', 'seed_flavors.py', ['tcp:8774']),
    ownTask('compute-host', 'map_compute_host.py', ['tcp:8774', 'done:flavors']),
  ];
}

const bootstrapCommand = [
  '/usr/bin/keystone-manage',
  'bootstrap',
  ...['--bootstrap-username', 'admin', '--bootstrap-project-name', 'admin', '--bootstrap-role-name', 'admin'],
  ...['--bootstrap-service-name', 'keystone', '--bootstrap-region-id', 'RegionOne'],
  ...['public', 'internal', 'admin'].flatMap((name) => [`--bootstrap-${name}-url`, 'http://127.0.0.1:5000/v3']),
];

const schemaCommands: Readonly<Record<string, readonly string[]>> = {
  glance: ['/usr/bin/glance-manage', 'db_sync'],
  trove: ['/usr/bin/trove-manage', 'db_sync'],
  placement: ['/usr/bin/placement-manage', 'db', 'sync'],
  neutron: [
    ...['/usr/bin/neutron-db-manage', ...neutronFiles],
    ...['--config-file', '/etc/neutron/plugins/ml2/ml2_conf.ini', 'upgrade', 'heads'],
  ],
  cinder: ['/usr/bin/cinder-manage', 'db', 'sync'],
};

function schemaTask(name: string): SupervisedProgram {
  return task(`${name}-schema`, name, schemaCommands[name] ?? [], ['done:databases']);
}

/** The cells are told to take user, password and host from the configuration, so that no devcloud's secrets are in them. */
const novaSchemaScript = `
nova-manage api_db sync
nova-manage cell_v2 map_cell0 --database_connection '${databaseUrl('nova', 'nova_cell0')}'
nova-manage cell_v2 create_cell --name cell1 --database_connection '${databaseUrl('nova')}' \
  --transport-url '{scheme}://{username}:{password}@{hostname}:{port}/'
nova-manage db sync
`;

/** Databases of a profile, each for the operating system's user of the same name. */
function databaseStatements(profile: Profile): string {
  const owners = ['keystone', ...catalogOf(profile).map(({name}) => name)];
  const databases = owners.map((owner) => ({owner, name: owner}));
  if (profile === 'full') databases.push({owner: 'nova', name: 'nova_api'}, {owner: 'nova', name: 'nova_cell0'});
  return databases
    .map(
      ({owner, name}) =>
        `CREATE DATABASE ${name} CHARACTER SET utf8mb3; ` +
        `CREATE USER IF NOT EXISTS ${owner}@localhost IDENTIFIED VIA unix_socket; ` +
        `GRANT ALL ON ${name}.* TO ${owner}@localhost;`,
    )
    .join(' ');
}
