import {type ImageContent, textAt} from './content.js';
import {unitStates, unitText} from './units.js';

/** A port that the image's configuration has something listen on. */
export interface ListeningPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** `*` for all addresses. */
  readonly address: string;
  /** The unit, with the file that says so. */
  readonly by: string;
}

/** The ports that configuration alone tells of: enabled socket units, and enabled services whose configuration is known here.
 * What a program opens by itself, in a container, or by what it is told at first boot can't be seen in an image.
 */
export function listeningPorts(content: ImageContent): ListeningPort[] {
  const enabled = [...unitStates(content)].filter(([, state]) => state === 'enabled').map(([name]) => name);
  const sockets = enabled.filter((name) => name.endsWith('.socket')).flatMap((name) => socketPorts(content, name));
  const services = knownServices.flatMap(({units, ports}) => {
    const unit = units.find((name) => enabled.includes(name));
    return unit === undefined ? [] : ports(content, unit);
  });
  return [...sockets, ...services].sort((a, b) => a.port - b.port || (a.by < b.by ? -1 : 1));
}

function socketPorts(content: ImageContent, name: string): ListeningPort[] {
  return [...unitText(content, name).matchAll(/^\s*Listen(Stream|Datagram)\s*=\s*(\S+)\s*$/gm)].flatMap(
    ([, kind, where = '']) => {
      const [, address = '*', port] = /^(?:(.*):)?(\d+)$/.exec(where) ?? [];
      const protocol = kind === 'Stream' ? 'tcp' : 'udp';
      return port === undefined ? [] : [{port: Number(port), protocol, address: address || '*', by: name} as const];
    },
  );
}

interface KnownService {
  readonly units: readonly string[];
  readonly ports: (content: ImageContent, unit: string) => ListeningPort[];
}

const knownServices: readonly KnownService[] = [
  {units: ['ssh.service', 'sshd.service'], ports: sshPorts},
  {units: ['mariadb.service', 'mysql.service', 'mysqld.service'], ports: mysqlPorts},
  {units: ['postgresql.service'], ports: postgresqlPorts},
];

function sshPorts(content: ImageContent, unit: string): ListeningPort[] {
  const files = ['/etc/ssh/sshd_config', ...textsBelow(content, '/etc/ssh/sshd_config.d/', '.conf')];
  const ports = settingsOf(content, files, /^\s*Port\s+(\d+)/gim);
  if (ports.length === 0) return [{port: 22, protocol: 'tcp', address: '*', by: `${unit} (its default)`}];
  return ports.map(({value, file}) => ({port: Number(value), protocol: 'tcp', address: '*', by: `${unit} (${file})`}));
}

function mysqlPorts(content: ImageContent, unit: string): ListeningPort[] {
  const files = textsBelow(content, '/etc/mysql/', '.cnf');
  const port = settingsOf(content, files, /^\s*port\s*=\s*(\d+)/gm).at(-1);
  const bind = settingsOf(content, files, /^\s*bind[-_]address\s*=\s*(\S+)/gm).at(-1);
  const by = port ? `${unit} (${port.file})` : `${unit} (its default)`;
  return [{port: Number(port?.value ?? 3306), protocol: 'tcp', address: bind?.value ?? '*', by}];
}

function postgresqlPorts(content: ImageContent, unit: string): ListeningPort[] {
  const ports = settingsOf(
    content,
    textsBelow(content, '/etc/postgresql/', '/postgresql.conf'),
    /^\s*port\s*=\s*(\d+)/gm,
  );
  return ports.map(({value, file}) => ({port: Number(value), protocol: 'tcp', address: '*', by: `${unit} (${file})`}));
}

function textsBelow({texts}: ImageContent, folder: string, end: string): string[] {
  return Object.keys(texts)
    .filter((path) => path.startsWith(folder) && path.endsWith(end))
    .sort();
}

function settingsOf(content: ImageContent, files: readonly string[], pattern: RegExp) {
  return files.flatMap((file) =>
    [...(textAt(content, file) ?? '').matchAll(pattern)].map(([, value = '']) => ({value, file})),
  );
}
