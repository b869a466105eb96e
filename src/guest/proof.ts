import {shellWords} from '../base/index.js';
import type {ContainerDefinition, DatastoreDefinition} from '../datastore/index.js';

/** How a manager of Trove starts its database container, told by the guest agent's code, since no API asks it to.
 * `{password}` stands for the administrator's password. */
export interface AgentStart {
  /** In the guest, owned by the database's user before the container starts. */
  readonly folders: readonly string[];
  /** Folder in the guest → folder in the container. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** The agent calls the database healthy when this succeeds in the container. */
  readonly healthCommand: readonly string[];
}

/** @see trove/guestagent/datastore/mysql_common/service.py start_db and mariadb/manager.py, Trove 23 */
const agentStarts: Readonly<Record<string, AgentStart>> = {
  mariadb: {
    folders: ['/etc/mysql', '/etc/mysql/mysql.conf.d', '/var/lib/mysqld', '/var/lib/mysql/data'],
    volumes: {
      '/etc/mysql': '/etc/mysql',
      '/var/lib/mysqld': '/var/run/mysqld',
      '/var/lib/mysql': '/var/lib/mysql',
    },
    environment: {MYSQL_ROOT_PASSWORD: '{password}', MYSQL_INITDB_SKIP_TZINFO: '1'},
    command: ['--ignore-db-dir=lost+found', '--ignore-db-dir=conf.d', '--datadir=/var/lib/mysql/data'],
    healthCommand: ['mysql', '-uroot', '-p{password}', '-e', 'select 1;'],
  },
};

/** The database's user and group in every Trove guest. */
const databaseUser = '1001:1001';

/** Undefined for a manager whose start is not known here. */
export function findAgentStart(manager: string): AgentStart | undefined {
  return agentStarts[manager];
}

/** What a proof is about. */
export interface ProofSubject {
  readonly start: AgentStart;
  readonly datastore: DatastoreDefinition;
  readonly container: ContainerDefinition;
}

/** A shell program for the guest: waits for the volume that the agent mounts, starts the database container as the agent
 * would, asks it, and tells each point on the console.
 * @param password Of the database's administrator, for this one proof.
 */
export function proofScript({start, datastore, container}: ProofSubject, password: string): string {
  const secret = (text: string) => text.replaceAll('{password}', password);
  const image = `${container.image}:${container.tag}`;
  const ports = datastore.ports.map((port) => `--publish=${port}:${port}`);
  const runArguments = [
    ...['--detach', '--pull=never', '--name=database', '--restart=unless-stopped', `--user=${databaseUser}`],
    ...['--network=bridge', ...ports],
    ...Object.entries(start.volumes).map(([from, to]) => `--volume=${from}:${to}`),
    ...Object.entries(start.environment).map(([name, value]) => `--env=${name}=${secret(value)}`),
    ...[image, ...start.command],
  ];
  const {command, passwordVariable} = datastore.client;
  const ask = ['exec', ...(passwordVariable ? [`--env=${passwordVariable}=${password}`] : []), 'database', ...command];
  return [
    `tell() { printf '\\nTROVESTACK {"%s":"%s","uptime":%s}\\n' "$1" "$2" "$(cut -d' ' -f1 /proc/uptime)" > /dev/console; }`,
    `fail() { tell "proof failed" "$(printf '%s' "$1" | tr -d '\\r"\\\\' | tr '\\n' ' ')"; exit 1; }`,
    `until grep -q ' ${datastore.mountPoint} ' /proc/mounts; do sleep 1; done`,
    `mkdir -p ${start.folders.join(' ')}`,
    `chown ${databaseUser} ${start.folders.join(' ')}`,
    `docker image inspect ${image} > /dev/null || fail 'the guest has no container image ${image}'`,
    `said=$(docker run ${shellWords(runArguments)} 2>&1) || fail "$said"`,
    'tell milestone "container started"',
    `until docker exec database ${shellWords(start.healthCommand.map(secret))} > /dev/null 2>&1; do`,
    '    sleep 2',
    `    [ "$(docker inspect --format '{{.RestartCount}}' database)" -lt 3 ] || fail "$(docker logs --tail=5 database 2>&1)"`,
    'done',
    'tell milestone "database healthy"',
    `docker ${shellWords([...ask, datastore.queries.health])} > /dev/null || fail 'the health query failed'`,
    `answer=$(docker ${shellWords([...ask, datastore.queries.version])} 2>&1) || fail "$answer"`,
    'tell answer "$answer"',
    '',
  ].join('\n');
}

/** Credentials by which systemd (256 or newer) in the guest runs a script once, from outside: the image is as it ships.
 * @see systemd-debug-generator(8), systemd.system-credentials(7)
 */
export function proofCredentials(script: string): Record<string, string> {
  const unit = [
    '[Unit]',
    'Description=Boot proof',
    'After=docker.service',
    '[Service]',
    'Type=exec',
    'ImportCredential=trovestack.proof',
    'ExecStart=/bin/sh %d/trovestack.proof',
  ];
  return {
    'systemd.extra-unit.trovestack-proof.service': `${unit.join('\n')}\n`,
    'systemd.unit-dropin.multi-user.target~trovestack-proof': '[Unit]\nWants=trovestack-proof.service\n',
    'trovestack.proof': script,
  };
}

/** Credentials by which systemd (256 or newer) in the guest gives whoever sits at the serial console a shell. */
export function shellCredentials(): Record<string, string> {
  const unit = [
    '[Unit]',
    'Description=Shell on the serial console',
    'Conflicts=serial-getty@ttyS0.service',
    'After=basic.target',
    '[Service]',
    'Environment=TERM=vt220 HOME=/root',
    'WorkingDirectory=/root',
    'ExecStart=-/bin/bash --login',
    'Restart=always',
    'RestartSec=0',
    'StandardInput=tty-force',
    'StandardOutput=tty',
    'StandardError=tty',
    'TTYPath=/dev/ttyS0',
    'TTYReset=yes',
    'KillMode=process',
    'IgnoreSIGPIPE=no',
    'SendSIGHUP=yes',
  ];
  return {
    'systemd.extra-unit.trovestack-shell.service': `${unit.join('\n')}\n`,
    'systemd.unit-dropin.basic.target~trovestack-shell': '[Unit]\nWants=trovestack-shell.service\n',
  };
}
