import type {TreeEntry} from '../inspection/index.js';
import type {ExaminedImage} from './examined-image.js';
import {at, type Finding, type Rule} from './rule.js';

/** At most so many files are named for one rule; the last line says how many more there are. */
const namedFiles = 5;

export const hygieneRules: readonly Rule[] = [
  {
    id: 'hygiene.machine-id',
    severity: 'error',
    statement: 'each instance makes its own machine id',
    reason: 'Instances with one machine id get the same DHCP lease, and their journals cannot be told apart.',
    remedy: "Empty /etc/machine-id; don't remove it",
    source: 'machine-id(5)',
    find: ({text, entry}) => {
      const id = text('/etc/machine-id')?.trim() ?? '';
      const found = id === '' || id === 'uninitialized' ? [] : [at('/etc/machine-id', `it is ${id}`)];
      const dbus = entry('/var/lib/dbus/machine-id');
      return dbus?.type === 'file' && dbus.sizeBytes > 0 ? [...found, at(dbus.path, 'a machine id of its own')] : found;
    },
  },
  {
    id: 'hygiene.host-keys',
    severity: 'error',
    statement: 'each instance makes its own SSH host keys',
    reason: 'Whoever has the image has the keys of all instances, and can stand in for them.',
    remedy: 'Remove /etc/ssh/ssh_host_* in cleanup.d, and make them at the first boot',
    source: 'sshd(8); DIB: runtime-ssh-host-keys',
    find: ({below}) =>
      named(
        below('/etc/ssh').filter(({path}) => /\/ssh_host_\w+_key$/.test(path)),
        'a host key',
      ),
  },
  {
    id: 'hygiene.random-seed',
    severity: 'error',
    statement: "no instance starts from the image's random seed",
    reason: 'All instances would begin with the same random numbers, which keys are made of.',
    remedy: 'Remove /var/lib/systemd/random-seed in cleanup.d',
    source: 'systemd-random-seed.service(8); Building images safely',
    find: ({below}) =>
      named(
        below('/var/lib').filter(({path}) =>
          /^\/var\/lib\/(systemd\/(random-seed|credential\.secret)|urandom\/random-seed)$/.test(path),
        ),
        'made in the build',
      ),
  },
  {
    id: 'hygiene.docker-identity',
    severity: 'warning',
    statement: "Docker makes each instance's id anew",
    reason: 'Every instance has the same engine id and key.',
    remedy: 'Remove /var/lib/docker/engine-id and /etc/docker/key.json',
    source: 'dockerd(8)',
    find: ({entry}) =>
      ['/var/lib/docker/engine-id', '/etc/docker/key.json'].flatMap((path) =>
        entry(path) ? [at(path, 'made in the build')] : [],
      ),
  },
  {
    id: 'hygiene.logs',
    severity: 'warning',
    statement: 'logs are empty',
    reason: "They tell of the machine that built it, and an instance's first hour reads as theirs.",
    remedy: 'Truncate /var/log/* and remove /var/log/journal/* in cleanup.d',
    source: 'DIB: the element sysprep',
    find: ({below}) => named(below('/var/log').filter(isFilled), 'it holds text of the build'),
  },
  {
    id: 'hygiene.caches',
    severity: 'warning',
    statement: 'no caches of the build are left',
    reason: 'Every instance and every upload carries them, and package lists grow old.',
    remedy: 'apt-get clean; rm -rf /var/lib/apt/lists/* /root/.cache',
    source: 'apt-get(8), clean',
    find: ({below}) =>
      named(
        [
          ...below('/var/cache/apt').filter(({path}) => /\.deb$|pkgcache\.bin$/.test(path)),
          ...below('/var/lib/apt/lists').filter(({path}) => !/\/(lock|partial|auxfiles)(\/|$)/.test(path)),
          ...below('/root/.cache'),
          ...below('/var/cache/dnf'),
          ...below('/var/cache/yum'),
        ].filter(isFilled),
        'a cache of the build',
      ),
  },
  {
    id: 'hygiene.leftovers',
    severity: 'warning',
    statement: 'temporary folders are empty',
    reason: 'What hooks left there is in every instance, and may tell of the machine that built it.',
    remedy: 'Remove it in cleanup.d',
    source: 'file-hierarchy(7)',
    find: ({below}) =>
      named(
        ['/tmp', '/var/tmp'].flatMap((folder) => below(folder).filter(({type}) => type !== 'folder')),
        'left from the build',
      ),
  },
  {
    id: 'hygiene.history',
    severity: 'error',
    statement: 'there is no history of commands',
    reason: 'What was typed while the image was made is there for every user of every instance, passwords too.',
    remedy: 'Remove it in cleanup.d',
    source: 'bash(1): HISTFILE',
    find: ({content}) =>
      named(
        content.listing.filter(
          ({path, sizeBytes}) =>
            sizeBytes > 0 &&
            /^\/(root|home\/[^/]+)\/\.(\w+_history|lesshst|viminfo|psql_history|wget-hsts|node_repl_history)$/.test(
              path,
            ),
        ),
        'a history of commands',
      ),
  },
  {
    id: 'hygiene.leases',
    severity: 'warning',
    statement: 'no addresses of the build are remembered',
    reason: "The guest asks first for an address of the builder's network.",
    remedy: 'Remove leases in cleanup.d',
    source: 'dhclient(8), dhcpcd(8)',
    find: ({below}) =>
      named(
        [...below('/var/lib/dhcp'), ...below('/var/lib/dhcpcd'), ...below('/var/lib/NetworkManager')].filter(
          ({path, sizeBytes}) => /lease/.test(path) && sizeBytes > 0,
        ),
        'a lease',
      ),
  },
  {
    id: 'hygiene.network-names',
    severity: 'error',
    statement: 'no network card of the build is remembered',
    reason: "The guest's own card gets the next name, which no configuration knows.",
    remedy: 'Remove /etc/udev/rules.d/70-persistent-net.rules in cleanup.d',
    source: 'udev(7)',
    find: ({below}) =>
      named(
        below('/etc/udev/rules.d')
          .filter(({path}) => /persistent-net\.rules$/.test(path))
          .filter(isFilled),
        'names of cards',
      ),
  },
  {
    id: 'hygiene.proxy',
    severity: 'warning',
    statement: "apt uses no proxy of the builder's",
    reason: "The guest cannot reach it, and every update fails; its address tells of the builder's network.",
    remedy: 'Remove Acquire::http::Proxy from /etc/apt/apt.conf.d in cleanup.d',
    source: 'apt.conf(5)',
    find: ({below, text}) =>
      [...below('/etc/apt/apt.conf.d').map(({path}) => path), '/etc/apt/apt.conf', '/etc/environment']
        .filter((path) => /^\s*(Acquire::\w+::Proxy|https?_proxy\s*=)/im.test(text(path) ?? ''))
        .map((path) => at(path, 'it names a proxy')),
  },
];

function isFilled({type, sizeBytes}: TreeEntry): boolean {
  return type === 'file' && sizeBytes > 0;
}

/** Names the first files, and says how many more there are. */
export function named(entries: readonly TreeEntry[], detail: string): Finding[] {
  const first = entries.slice(0, namedFiles).map(({path}) => at(path, detail));
  const more = entries.length - first.length;
  return more > 0 ? [...first, {detail: `and ${more} more: ${detail}`}] : first;
}

/** Home folders of root, of people, and of services that have a login shell, as the guest agent's user does. */
export function homesOf({users}: ExaminedImage): readonly string[] {
  const owners = users.filter(({uid, shell}) => uid === 0 || uid >= 1000 || !/\/(nologin|false|sync)$/.test(shell));
  const homes = owners.map(({home}) => home).filter((home) => home === '/root' || home.split('/').length > 2);
  return [...new Set(homes)];
}
