import {describe, expect, test} from 'vitest';
import {type ImageContent, orderListing, type TreeEntry} from '../inspection/index.js';
import {rules} from './catalogue.js';
import {examine, type Probes, type Purpose} from './examined-image.js';
import {judge} from './judge.js';

/** A file as a test writes it: its text, or more of what a listing says of it. */
type Written = string | (Partial<TreeEntry> & {readonly text?: string});

interface Draft {
  files: Record<string, Written>;
  probes: Probes;
  purpose: Purpose;
  content: Partial<ImageContent>;
}

const layer = 'a'.repeat(64);
const config = 'c'.repeat(64);
const docker = '/var/lib/docker/image/overlay2';

const unit = `[Service]
User=trove
ExecStart=/usr/bin/trove-guestagent --config-dir=/etc/trove/conf.d
[Unit]
After=cloud-init-network.service
[Install]
WantedBy=multi-user.target
`;

/** The least that no rule has anything to say of. */
function good(): Draft {
  const enabled = ['trove-guestagent.service', 'docker.socket', 'systemd-networkd.service', 'systemd-resolved.service'];
  return {
    files: {
      '/usr/lib/systemd/systemd': 'ELF',
      '/sbin/init': {type: 'link', target: '../usr/lib/systemd/systemd'},
      '/boot/vmlinuz-6.12': 'kernel',
      '/boot/initrd.img-6.12': {sizeBytes: 2_000_000},
      '/usr/lib/modules/6.12/modules.dep': '',
      '/usr/bin/systemd-repart': 'ELF',
      '/usr/bin/trove-guestagent': '#!/usr/bin/python3',
      '/etc/os-release': 'ID=debian\nVERSION_CODENAME=trixie\n',
      '/etc/fstab': 'UUID=1234 / ext4 x-systemd.growfs 0 1\n',
      '/etc/machine-id': '',
      '/etc/resolv.conf': {type: 'link', target: '../run/systemd/resolve/stub-resolv.conf'},
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\ntrove:x:900:900::/var/lib/trove:/bin/sh\n',
      '/etc/group': 'root:x:0:\ndocker:x:901:trove\n',
      '/etc/shadow': {text: 'root:*:1:0:99999:7:::\ntrove:!:1::::::\n', mode: 0o640},
      '/etc/sudoers': {text: 'root ALL=(ALL:ALL) ALL\n', mode: 0o440},
      '/etc/sudoers.d/60-trove': {text: 'trove ALL=(ALL) NOPASSWD: ALL\n', mode: 0o440},
      '/etc/trovestack/manifest.json': JSON.stringify({distribution: 'debian', release: 'trixie'}),
      '/etc/trove/conf.d': {type: 'folder'},
      '/etc/cloud/cloud.cfg': 'cloud_init_modules: [bootcmd, write_files]\n',
      '/etc/cloud/cloud.cfg.d/90_x.cfg':
        'datasource_list: [ConfigDrive, OpenStack, None]\nmounts:\n  - [ephemeral0, null]\n',
      '/etc/systemd/network/80-x.network': '[Network]\nDHCP=yes\n',
      '/etc/docker/daemon.json': '{"storage-driver": "overlay2"}',
      [`${docker}/repositories.json`]: JSON.stringify({Repositories: {mariadb: {'mariadb:11.8': `sha256:${config}`}}}),
      [`${docker}/imagedb/content/sha256/${config}`]: '{}',
      [`${docker}/layerdb/sha256/${layer}/cache-id`]: layer,
      [`/var/lib/docker/overlay2/${layer}/diff`]: {type: 'folder'},
      '/var/lib/dpkg/status': [
        packaged('trove-guestagent', '1:23.0.0-2'),
        packaged('cloud-init', '25.1'),
        packaged('python3-psycopg2', '2.9'),
      ].join('\n'),
      '/etc/systemd/system/trove-guestagent.service': unit,
      '/usr/lib/systemd/system/docker.socket': '[Install]\nWantedBy=sockets.target\n',
      '/usr/lib/systemd/system/systemd-networkd.service': '[Install]\nWantedBy=multi-user.target\n',
      '/usr/lib/systemd/system/systemd-resolved.service': '[Install]\nWantedBy=multi-user.target\n',
      '/usr/lib/systemd/system/cloud-init-network.service': '[Service]\n',
      ...Object.fromEntries(enabled.map((name) => [wants(name), {type: 'link', target: `/x/${name}`} as const])),
    },
    probes: {uefiPrograms: ['BOOTX64.EFI'], guessablePasswords: []},
    purpose: {
      datastore: 'mariadb',
      version: '11.8',
      manager: 'mariadb',
      container: 'mariadb:11.8',
      mountPoint: '/var/lib/mysql',
      ports: [3306],
      diskGiB: 3,
      series: {name: '2025.1', troveVersion: 23},
    },
    content: {},
  };
}

function wants(name: string): string {
  return `/etc/systemd/system/multi-user.target.wants/${name}`;
}

function packaged(name: string, version: string, state = 'installed'): string {
  return `Package: ${name}\nStatus: install ok ${state}\nVersion: ${version}\nArchitecture: all\n`;
}

function contentOf({files, content}: Draft): ImageContent {
  const entries = Object.entries(files).map(([path, written]): TreeEntry => {
    const {text, ...more} = typeof written === 'string' ? {text: written} : written;
    const sizeBytes = text?.length ?? 0;
    return {path, type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes, modifiedAt: 0, ...more};
  });
  const texts = Object.entries(files).flatMap(([path, written]) => {
    const text = typeof written === 'string' ? written : written.text;
    return text === undefined ? [] : [[path, text] as const];
  });
  return {
    form: 4,
    virtualSizeBytes: 2 ** 30,
    table: 'gpt',
    hasBootCode: true,
    partitions: [
      {number: 1, startBytes: 0, sizeBytes: 1, type: '21686148-6449-6E6F-744E-656564454649'},
      {number: 3, startBytes: 1, sizeBytes: 2, type: 'root', mountPoint: '/', fileSystem: {type: 'ext4', uuid: '1234'}},
    ],
    listing: orderListing(entries),
    texts: Object.fromEntries(texts),
    notes: [],
    ...content,
  };
}

function findings(draft: Draft) {
  return judge(examine(contentOf(draft), draft.probes, draft.purpose), rules, [], '2026-01-01').findings;
}

/** What is done to a good image, by the rule that has to name it; `also` lists rules that rightly speak up as well. */
const sabotages: readonly (readonly [
  rule: string,
  what: string,
  act: (draft: Draft) => void,
  also?: readonly string[],
])[] = [
  ['disk.consistent', 'a damaged qcow2', (d) => (d.probes = {...d.probes, qcow2Problem: 'ERROR cluster 4'})],
  ['disk.lost-space', 'a qcow2 with leaks', (d) => (d.probes = {...d.probes, qcow2Leaks: '3 clusters'})],
  ['disk.partition-table', 'a bare file system', (d) => (d.content = {table: 'none', partitions: rootOnly})],
  [
    'disk.bootable',
    'no boot code at all',
    (d) => {
      d.content = {hasBootCode: false};
      d.probes = {...d.probes, uefiPrograms: []};
    },
  ],
  ['disk.boots-both-ways', 'no EFI program', (d) => (d.probes = {...d.probes, uefiPrograms: []})],
  ['disk.clean-file-system', 'a dirty file system', (d) => (d.probes = {...d.probes, fileSystemProblem: 'Inode 12'})],
  ['disk.size', 'a disk of 4 GiB', (d) => (d.content = {virtualSizeBytes: 4 * 2 ** 30})],
  [
    'disk.fstab-root',
    'a UUID that is nowhere',
    (d) => (d.files['/etc/fstab'] = 'UUID=9 / ext4 x-systemd.growfs 0 1\n'),
  ],
  ['disk.grows', 'no growing', (d) => (d.files['/etc/fstab'] = 'UUID=1234 / ext4 defaults 0 1\n')],
  ['system.init', 'no init', (d) => delete d.files['/sbin/init']],
  ['system.kernel', 'no modules', (d) => delete d.files['/usr/lib/modules/6.12/modules.dep']],
  ['system.initramfs', 'an empty initramfs', (d) => (d.files['/boot/initrd.img-6.12'] = '')],
  ['system.release', 'another release', (d) => (d.files['/etc/os-release'] = 'ID=debian\nVERSION_CODENAME=bookworm\n')],
  [
    'system.packages-whole',
    'a package half configured',
    (d) => (d.files['/var/lib/dpkg/status'] += `\n${packaged('sudo', '1', 'half-configured')}`),
  ],
  ['system.services-may-start', 'policy-rc.d', (d) => (d.files['/usr/sbin/policy-rc.d'] = 'exit 101')],
  ['system.diverted-programs', 'a diverted program', (d) => (d.files['/usr/sbin/start-stop-daemon.REAL'] = 'ELF')],
  ['system.safe-package-writes', 'force-unsafe-io', (d) => (d.files['/etc/dpkg/dpkg.cfg.d/99x'] = 'force-unsafe-io\n')],
  ['system.resolver', "the builder's name server", (d) => (d.files['/etc/resolv.conf'] = 'nameserver 192.0.2.1\n')],
  ['system.network', 'no DHCP', (d) => delete d.files[wants('systemd-networkd.service')]],
  ['cloud-init.enabled', 'cloud-init disabled', (d) => (d.files['/etc/cloud/cloud-init.disabled'] = '')],
  ['cloud-init.config-drive', 'only Ec2', (d) => sources(d, 'datasource_list: [OpenStack]\n')],
  ['cloud-init.metadata-service', 'only ConfigDrive', (d) => sources(d, 'datasource_list:\n  - ConfigDrive\n')],
  [
    'cloud-init.writes-files',
    'no write_files',
    (d) => (d.files['/etc/cloud/cloud.cfg'] = 'cloud_init_modules: [bootcmd]\n'),
  ],
  ['cloud-init.fresh', 'an earlier boot', (d) => (d.files['/var/lib/cloud/instances/i-1'] = {type: 'folder'})],
  [
    'cloud-init.leaves-the-volume',
    'mounts by default',
    (d) => {
      d.files['/etc/cloud/cloud.cfg'] = 'cloud_init_modules: [mounts, write_files]\n';
      d.files['/etc/cloud/cloud.cfg.d/90_x.cfg'] = 'datasource_list: [ConfigDrive, OpenStack]\n';
    },
  ],
  ['agent.installed', 'no agent', (d) => (d.files['/var/lib/dpkg/status'] = packaged('cloud-init', '25.1'))],
  ['agent.series', 'an agent of Zed', (d) => agentOf(d, '1:18.0.0-3')],
  ['agent.unit', 'a disabled unit', (d) => delete d.files[wants('trove-guestagent.service')]],
  [
    'agent.configuration',
    'another folder',
    (d) => agentUnit(d, '--config-dir=/etc/trove/conf.d', '--config-dir=/etc/other'),
  ],
  [
    'agent.program',
    'another program',
    (d) => agentUnit(d, '/usr/bin/trove-guestagent', '/opt/venv/bin/trove-guestagent'),
  ],
  ['agent.after-user-data', 'no order', (d) => agentUnit(d, 'After=cloud-init-network.service', '')],
  ['agent.user', 'no user', (d) => (d.files['/etc/passwd'] = 'root:x:0:0:root:/root:/bin/bash\n')],
  ['agent.sudo', 'no rule', (d) => delete d.files['/etc/sudoers.d/60-trove']],
  [
    'agent.sudo',
    'a rule that others may write',
    (d) => (d.files['/etc/sudoers.d/60-trove'] = {text: 'trove ALL=(ALL) NOPASSWD: ALL', mode: 0o666}),
  ],
  ['agent.configuration-folder', 'no folder', (d) => delete d.files['/etc/trove/conf.d']],
  [
    'agent.no-identity',
    "an instance's identity",
    (d) => (d.files['/etc/trove/conf.d/guest_info.conf'] = '[DEFAULT]\nguest_id = 1\n'),
  ],
  ['agent.manifest', 'a manifest cut short', (d) => (d.files['/etc/trovestack/manifest.json'] = '{"distribution"')],
  [
    'payload.container',
    'another tag',
    (d) =>
      (d.files[`${docker}/repositories.json`] = `{"Repositories":{"mariadb":{"mariadb:11.7":"sha256:${config}"}}}`),
  ],
  ['payload.container-whole', 'a lost layer', (d) => delete d.files[`/var/lib/docker/overlay2/${layer}/diff`]],
  ['payload.docker', 'Docker disabled', (d) => delete d.files[wants('docker.socket')]],
  ['payload.docker-group', 'not in docker', (d) => (d.files['/etc/group'] = 'root:x:0:\ndocker:x:901:\n')],
  [
    'payload.docker-settings',
    'another driver',
    (d) => (d.files['/etc/docker/daemon.json'] = '{"storage-driver": "vfs"}'),
  ],
  [
    'payload.registry',
    'an insecure registry',
    (d) => (d.files['/etc/docker/daemon.json'] = '{"insecure-registries": ["10.0.0.1:4000"]}'),
  ],
  ['payload.empty-mount-point', 'a data directory', (d) => (d.files['/var/lib/mysql/ibdata1'] = 'x')],
  [
    'payload.free-port',
    'a server of its own',
    (d) => {
      d.files['/usr/lib/systemd/system/mariadb.service'] = '[Install]\nWantedBy=multi-user.target\n';
      d.files[wants('mariadb.service')] = {type: 'link', target: '/usr/lib/systemd/system/mariadb.service'};
    },
  ],
  [
    'payload.postgresql-client',
    'no psycopg2',
    (d) => {
      d.purpose = {...d.purpose, manager: 'postgresql'};
      d.files['/var/lib/dpkg/status'] = `${packaged('trove-guestagent', '23')}\n${packaged('cloud-init', '25')}`;
    },
  ],
  ['hygiene.machine-id', 'a machine id', (d) => (d.files['/etc/machine-id'] = `${'0'.repeat(31)}1\n`)],
  ['hygiene.host-keys', 'a host key', (d) => (d.files['/etc/ssh/ssh_host_rsa_key'] = 'key')],
  ['hygiene.random-seed', 'a seed', (d) => (d.files['/var/lib/systemd/random-seed'] = {sizeBytes: 32})],
  ['hygiene.docker-identity', "Docker's id", (d) => (d.files['/var/lib/docker/engine-id'] = 'id')],
  ['hygiene.logs', 'a log', (d) => (d.files['/var/log/dpkg.log'] = 'installed')],
  ['hygiene.caches', 'a package', (d) => (d.files['/var/cache/apt/archives/a.deb'] = 'deb')],
  ['hygiene.leftovers', 'a file in /tmp', (d) => (d.files['/tmp/x'] = 'x')],
  ['hygiene.history', 'a history', (d) => (d.files['/root/.bash_history'] = 'mysql -psecret')],
  ['hygiene.leases', 'a lease', (d) => (d.files['/var/lib/dhcp/dhclient.eth0.leases'] = 'lease {}')],
  [
    'hygiene.network-names',
    'names of cards',
    (d) => (d.files['/etc/udev/rules.d/70-persistent-net.rules'] = 'NAME="eth0"'),
  ],
  [
    'hygiene.proxy',
    'a proxy',
    (d) => (d.files['/etc/apt/apt.conf.d/10proxy'] = 'Acquire::http::Proxy "http://192.0.2.1:3142";'),
  ],
  [
    'secrets.private-keys',
    'a private key',
    (d) => (d.files['/root/.ssh/id_rsa'] = '-----BEGIN OPENSSH PRIVATE KEY-----\n'),
  ],
  [
    'secrets.authorized-keys',
    'an authorized key',
    (d) => (d.files['/root/.ssh/authorized_keys'] = 'ssh-ed25519 AAAA me\n'),
  ],
  [
    'secrets.authorized-keys',
    "the agent's own key",
    (d) => {
      d.files['/etc/passwd'] = 'root:x:0:0:root:/root:/bin/bash\ntrove:x:900:900::/var/lib/trove:/bin/sh\n';
      d.files['/var/lib/trove/.ssh/authorized_keys'] = 'ssh-ed25519 AAAA me\n';
    },
  ],
  ['secrets.shared-tls-keys', 'a TLS key', (d) => (d.files['/etc/ssl/private/ssl-cert-snakeoil.key'] = 'key')],
  [
    'secrets.empty-passwords',
    'an empty password',
    (d) => (d.files['/etc/shadow'] = {text: 'root::1:0:99999:7:::\n', mode: 0o640}),
  ],
  ['secrets.guessable-passwords', 'password = user', (d) => (d.probes = {...d.probes, guessablePasswords: ['trove']})],
  [
    'secrets.passwords',
    'a password',
    (d) => (d.files['/etc/shadow'] = {text: 'root:$y$j9T$x$y:1:0:99999:7:::\n', mode: 0o640}),
  ],
  [
    'secrets.password-login',
    'root by password',
    (d) => {
      d.files['/usr/lib/systemd/system/ssh.service'] = '[Install]\nWantedBy=multi-user.target\n';
      d.files[wants('ssh.service')] = {type: 'link', target: '/usr/lib/systemd/system/ssh.service'};
      d.files['/etc/ssh/sshd_config'] = 'PermitRootLogin yes\n';
    },
  ],
  [
    'secrets.people-with-sudo',
    'a person with sudo',
    (d) => {
      d.files['/etc/passwd'] += 'dev:x:1000:1000::/home/dev:/bin/bash\n';
      d.files['/etc/sudoers.d/dev'] = {text: 'dev ALL=(ALL) NOPASSWD:ALL\n', mode: 0o440};
    },
  ],
  [
    'secrets.credentials',
    'a clouds.yaml',
    (d) => (d.files['/root/.config/openstack/clouds.yaml'] = 'clouds:\n  a:\n    auth:\n      password: x\n'),
  ],
  [
    'secrets.service-passwords',
    'a transport_url',
    (d) => (d.files['/etc/trove/trove.conf'] = 'transport_url = rabbit://u:p@192.0.2.1\n'),
  ],
  [
    'secrets.development-mode',
    'code from elsewhere',
    (d) => agentUnit(d, '[Service]', '[Service]\nExecStartPre=/usr/bin/rsync -a 192.0.2.1:/opt/trove /opt/trove'),
  ],
  [
    'secrets.guarded-files',
    'a readable shadow',
    (d) => (d.files['/etc/shadow'] = {text: 'root:*:1:0:99999:7:::\n', mode: 0o644}),
  ],
];

const rootOnly = [
  {number: 0, startBytes: 0, sizeBytes: 2, type: '', mountPoint: '/', fileSystem: {type: 'ext4', uuid: '1234'}},
];

function sources(draft: Draft, text: string): void {
  draft.files['/etc/cloud/cloud.cfg.d/90_x.cfg'] = `${text}mounts:\n  - [ephemeral0, null]\n`;
}

function agentOf(draft: Draft, version: string): void {
  draft.files['/var/lib/dpkg/status'] = `${packaged('trove-guestagent', version)}\n${packaged('cloud-init', '25.1')}`;
}

function agentUnit(draft: Draft, from: string, to: string): void {
  draft.files['/etc/systemd/system/trove-guestagent.service'] = unit.replace(from, to);
}

describe('the rules', () => {
  test('have nothing to say of a good image', () => {
    expect(findings(good())).toEqual([]);
  });

  for (const [rule, what, act, also = []] of sabotages) {
    test(`${rule} names ${what}`, () => {
      const draft = good();
      act(draft);
      const named = new Set(findings(draft).map((finding) => finding.rule));
      expect(named).toEqual(new Set([rule, ...also]));
    });
  }

  test('each is put to the proof, and has words for people', () => {
    expect(rules.map(({id}) => id).filter((id) => !sabotages.some(([rule]) => rule === id))).toEqual([]);
    expect(new Set(rules.map(({id}) => id)).size).toBe(rules.length);
    const wordless = rules.filter((rule) => [rule.reason, rule.remedy, rule.source].some((text) => text.length < 5));
    expect(wordless).toEqual([]);
  });
});

/** What is different from the good image, and as good. */
const alternatives: readonly (readonly [what: string, act: (draft: Draft) => void])[] = [
  [
    'netplan, whose generator enables the network at boot',
    (d) => {
      delete d.files[wants('systemd-networkd.service')];
      delete d.files['/etc/systemd/network/80-x.network'];
      d.files['/usr/sbin/netplan'] = 'python';
    },
  ],
  [
    'a card that udev brings up',
    (d) => {
      delete d.files[wants('systemd-networkd.service')];
      d.files['/etc/udev/rules.d/99-dhcp.rules'] = 'ENV{SYSTEMD_WANTS}="dhcp-interface@$name.service"';
    },
  ],
  [
    'names of MBR partitions and of swap in fstab',
    (d) => {
      d.content = {table: 'mbr'};
      d.files['/etc/fstab'] = 'PARTUUID=1234abcd-01 / ext4 x-systemd.growfs 0 1\nLABEL=swap1 none swap sw 0 0\n';
    },
  ],
  [
    "cloud-init's list with a comment in it",
    (d) => (d.files['/etc/cloud/cloud.cfg'] = 'cloud_init_modules:\n - bootcmd\n\n# files\n - write_files\nother: 1\n'),
  ],
  ['a rescue kernel', (d) => (d.files['/boot/vmlinuz-0-rescue-abc'] = 'kernel')],
  [
    "a guest agent that runs as the image's user",
    (d) => {
      d.files['/etc/passwd'] += 'ubuntu:x:1000:1000::/home/ubuntu:/bin/bash\n';
      d.files['/etc/group'] = 'docker:x:901:ubuntu\n';
      d.files['/etc/sudoers.d/60-trove'] = {text: 'ubuntu ALL=(ALL) NOPASSWD: ALL\n', mode: 0o440};
      agentUnit(d, 'User=trove', 'User=ubuntu');
    },
  ],
];

describe('no false alarm', () => {
  for (const [what, act] of alternatives) {
    test(`at ${what}`, () => {
      const draft = good();
      act(draft);
      expect(findings(draft)).toEqual([]);
    });
  }
});

describe('waivers', () => {
  const draft = good();
  draft.files['/var/log/dpkg.log'] = 'installed';
  draft.files['/root/.bash_history'] = 'ls';
  const image = examine(contentOf(draft), draft.probes, draft.purpose);
  const waiver = {rule: 'hygiene.history', reason: 'kept for a reason', expires: '2026-02-01'};

  test('hold up to their last day, and are told when they are over', () => {
    const day = (today: string) => judge(image, rules, [waiver], today);
    expect(day('2026-02-01')).toMatchObject({isSound: true, remarks: []});
    expect(day('2026-02-02')).toMatchObject({
      isSound: false,
      remarks: ['the waiver of hygiene.history ended on 2026-02-01'],
    });
  });

  test('of a path leave others, and needless ones are told', () => {
    const judged = judge(image, rules, [{...waiver, path: '/home/a/.bash_history'}], '2026-01-01');
    expect(judged.isSound).toBe(false);
    expect(judged.remarks).toEqual(['the waiver of hygiene.history for /home/a/.bash_history is needed no more']);
  });
});
