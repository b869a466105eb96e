import {listeningPorts} from '../inspection/index.js';
import {agentUnit, agentUser} from './agent.js';
import {at, type Finding, fact, type Rule} from './rule.js';

const dockerImages = '/var/lib/docker/image/overlay2';

export const payloadRules: readonly Rule[] = [
  {
    id: 'payload.container',
    severity: 'error',
    statement: "the datastore's container image is preloaded, by the name and tag that the agent asks for",
    reason:
      'The agent pulls it from a registry at the first boot, which takes minutes, or fails where there is no way out.',
    remedy: 'Preload it (elements/trove-docker), tagged as [MANAGER] docker_image and the datastore version',
    source: "Trove's guest agent: docker containers.run(image); IMAGE:VERSION",
    find: ({purpose, text, entry}) => {
      if (!purpose) return [];
      const path = `${dockerImages}/repositories.json`;
      if (!entry(path)) return fact(`Docker has no image; ${purpose.container} is wanted`);
      const names = namesIn(text(path) ?? '');
      if (names === undefined) return [at(path, "it can't be read")];
      if (names.includes(purpose.container)) return [];
      return [at(path, `${purpose.container} is wanted, there is ${names.join(', ') || 'none'}`)];
    },
  },
  {
    id: 'payload.container-whole',
    severity: 'error',
    statement: 'each preloaded image has all its layers',
    reason: 'Docker drops an image whose layers are not there, and pulls it anew.',
    remedy: 'Build the image again from an empty store',
    source: "Docker's layer store: layerdb, cache-id",
    find: (image) => {
      const layers = image
        .below(`${dockerImages}/layerdb/sha256`)
        .filter(({path}) => path.endsWith('/cache-id'))
        .map(({path}) => ({path, id: image.text(path)?.trim()}));
      const lost = layers.filter(({id}) => id === undefined || !image.entry(`/var/lib/docker/overlay2/${id}/diff`));
      const configured = image.below(`${dockerImages}/imagedb/content/sha256`);
      const missing = missingConfigurations(image.text(`${dockerImages}/repositories.json`) ?? '', configured);
      return [...lost.map(({path}) => at(path, 'the layer that it names is not there')), ...missing];
    },
  },
  {
    id: 'payload.docker',
    severity: 'error',
    statement: 'Docker is installed and starts',
    reason: "The agent runs the database as a container; without Docker's socket prepare fails.",
    remedy: 'Add the element trove-docker; enable docker.socket or docker.service',
    source: "Trove's guest agent: docker.from_env()",
    find: (image) => {
      if (!image.purpose) return [];
      const units = ['docker.service', 'docker.socket'];
      if (!units.some((name) => image.units.has(name))) return fact('Docker is not installed');
      if (units.some((name) => image.units.get(name) === 'enabled')) return [];
      return units
        .filter((name) => image.units.has(name))
        .map((name) => at(name, `this unit is ${image.units.get(name)}`));
    },
  },
  {
    id: 'payload.docker-group',
    severity: 'error',
    statement: 'the guest agent may speak to Docker',
    reason: 'The socket belongs to root and the group docker; anybody else is refused.',
    remedy: 'usermod --append --groups docker USER, or SupplementaryGroups=docker in the unit',
    source: 'dockerd(8): docker.sock',
    find: (image) => {
      const text = agentUnit(image)?.text ?? '';
      const user = agentUser(text);
      if (!image.purpose || user === undefined || user === 'root') return [];
      const group = image.groups.find(({name}) => name === 'docker');
      if (!group) return fact('there is no group docker');
      const isMember =
        group.members.includes(user) || image.users.some((one) => one.name === user && one.gid === group.gid);
      return isMember || /^\s*SupplementaryGroups\s*=.*\bdocker\b/m.test(text)
        ? []
        : [at('/etc/group', `${user} is not in docker`)];
    },
  },
  {
    id: 'payload.docker-settings',
    severity: 'error',
    statement: "Docker's settings can be read, and use the store that the image has",
    reason:
      'dockerd refuses to start with settings that it cannot parse, and sees no image in the store of another driver.',
    remedy: 'Correct /etc/docker/daemon.json: storage-driver overlay2',
    source: 'dockerd(8), daemon.json',
    find: ({text}) => {
      const path = '/etc/docker/daemon.json';
      const written = text(path);
      if (written === undefined) return [];
      try {
        const driver = (JSON.parse(written) as Readonly<Record<string, unknown>>)['storage-driver'];
        return driver === undefined || driver === 'overlay2'
          ? []
          : [at(path, `its storage driver is ${String(driver)}`)];
      } catch (error) {
        return [at(path, `it is no JSON: ${(error as Error).message}`)];
      }
    },
  },
  {
    id: 'payload.registry',
    severity: 'warning',
    statement: 'Docker asks no registry without encryption',
    reason: 'Who stands in between can give the guest another database.',
    remedy: 'Remove insecure-registries from /etc/docker/daemon.json',
    source: 'dockerd(8), insecure-registries',
    find: ({text}) => {
      const path = '/etc/docker/daemon.json';
      const names = /"insecure-registries"\s*:\s*\[([^\]]*\S[^\]]*)\]/.exec(text(path) ?? '')?.[1];
      return names === undefined ? [] : [at(path, `insecure-registries: ${names.trim()}`)];
    },
  },
  {
    id: 'payload.empty-mount-point',
    severity: 'error',
    statement: "the database's mount point is empty",
    reason: 'The volume is mounted over it: what lies below is never seen, and its room is lost.',
    remedy: 'Remove the data directory that the package made, in cleanup.d',
    source: "Trove's guest agent: prepare mounts the volume; migrate_data",
    find: ({purpose, below}) => {
      if (!purpose) return [];
      const files = below(purpose.mountPoint).filter(({type}) => type === 'file');
      return files.length === 0 ? [] : [at(purpose.mountPoint, `${files.length} files, ${files[0]?.path} for one`)];
    },
  },
  {
    id: 'payload.free-port',
    severity: 'error',
    statement: "nothing else listens on the database's port",
    reason: 'The container cannot publish its port: "address already in use".',
    remedy: 'Disable or remove the service of the same kind that a package brought',
    source: "Docker's port publishing",
    find: ({content, purpose}) =>
      listeningPorts(content)
        .filter(({port, protocol}) => protocol === 'tcp' && purpose?.ports.includes(port))
        .map(({port, by}) => at(by.split(' ')[0] ?? by, `it listens on ${port}`)),
  },
  {
    id: 'payload.postgresql-client',
    severity: 'error',
    statement: 'the agent can speak to PostgreSQL',
    reason: "The agent's PostgreSQL manager imports psycopg2 on the guest, outside the container.",
    remedy: 'Install python3-psycopg2',
    source: 'trove/guestagent/datastore/postgres/service.py',
    find: ({purpose, packages, content}) => {
      if (purpose?.manager !== 'postgresql' || packages.has('python3-psycopg2')) return [];
      return content.listing.some(({path}) => /\/site-packages\/psycopg2$/.test(path))
        ? []
        : fact('no python3-psycopg2');
    },
  },
];

/** `name:tag` of every image; undefined for a text that isn't Docker's. */
function namesIn(text: string): string[] | undefined {
  const all = repositories(text);
  if (!all) return undefined;
  return Object.values(all).flatMap((names) => Object.keys(names).filter((name) => !name.includes('@')));
}

function missingConfigurations(text: string, present: readonly {readonly path: string}[]): Finding[] {
  const known = new Set(present.map(({path}) => path.split('/').at(-1)));
  return Object.values(repositories(text) ?? {}).flatMap((names) =>
    Object.entries(names)
      .filter(([, id]) => !known.has(String(id).replace('sha256:', '')))
      .map(([name]) => at(`${dockerImages}/repositories.json`, `${name} leads to no image`)),
  );
}

function repositories(text: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined {
  try {
    return (JSON.parse(text) as {Repositories?: Record<string, Record<string, unknown>>}).Repositories ?? {};
  } catch {
    return undefined;
  }
}
