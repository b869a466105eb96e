import {chmod, mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Corpus, fetchCorpus} from '../rig/corpus.js';
import {hygieneProblems} from '../rig/hygiene.js';
import {type OrdinaryUser, ordinaryUser} from '../rig/ordinary-user.js';
import {openTools} from '../rig/tools.js';
import {type CommandResult, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** Whose package of diskimage-builder: 3.13 or 3.37. */
type Release = 'bookworm' | 'trixie';

/** An image of diskimage-builder's own elements, beside "vm" and "debian-minimal", which all have. */
interface CorpusImage {
  readonly elements: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly firmware?: 'uefi';
  /** What its elements leave in it. */
  readonly holds?: readonly string[];
  /** Texts in it, by path. */
  readonly says?: Readonly<Record<string, RegExp>>;
}

const units = '/etc/systemd/system/multi-user.target.wants';

const images: Readonly<Record<Release, Readonly<Record<string, CorpusImage>>>> = {
  bookworm: {
    mbr: {elements: ['block-device-mbr', 'sysprep'], holds: ['/etc/machine-id', '/vmlinuz', '/usr/sbin/iscsid']},
    efi: {
      elements: ['block-device-efi', 'pkg-map', 'package-installs'],
      firmware: 'uefi',
      holds: ['/usr/share/pkg-map'],
    },
    'cloud-init': {
      elements: ['block-device-mbr', 'cloud-init', 'cloud-init-datasources', 'growroot'],
      environment: {DIB_CLOUD_INIT_DATASOURCES: 'ConfigDrive, OpenStack'},
      holds: ['/usr/bin/cloud-init', '/usr/local/sbin/growroot', '/usr/bin/growpart'],
      says: {'/etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg': /\[ {2}ConfigDrive, OpenStack, None \]/},
    },
    ssh: {
      elements: ['block-device-gpt', 'openssh-server', 'runtime-ssh-host-keys'],
      holds: ['/usr/sbin/sshd', '/usr/local/sbin/runtime-ssh-host-keys.sh', `${units}/ssh-keygen.service`],
      says: {'/etc/ssh/sshd_config': /^KexAlgorithms curve25519/m},
    },
    users: {
      elements: ['block-device-mbr', 'devuser', 'local-config', 'dynamic-login'],
      environment: {DIB_DEV_USER_USERNAME: 'tester', DIB_DEV_USER_PWDLESS_SUDO: 'yes', DIB_DEV_USER_SHELL: '/bin/bash'},
      holds: ['/home/tester/.bashrc', '/usr/local/bin/dynamic-login'],
      says: {'/etc/passwd': /^tester:.*:\/bin\/bash$/m, '/etc/sudoers.d/tester': /NOPASSWD/},
    },
    network: {
      elements: ['block-device-gpt', 'dhcp-all-interfaces', 'enable-serial-console', 'sysctl'],
      holds: [
        '/etc/udev/rules.d/99-serial-console.rules',
        '/usr/local/bin/sysctl-set-value',
        '/usr/local/sbin/dhcp-all-interfaces.sh',
      ],
    },
    kernel: {
      elements: ['block-device-mbr', 'modprobe', 'install-static', 'journal-to-console'],
      environment: {DIB_MODPROBE_BLACKLIST: 'floppy'},
      says: {
        '/etc/modprobe.d/blacklist.conf': /^blacklist floppy$/m,
        '/etc/systemd/journald.conf.d/log-to-console.conf': /^ForwardToConsole=true$/m,
      },
    },
    lists: {
      elements: ['block-device-mbr', 'ensure-venv', 'element-manifest', 'manifests', 'svc-map', 'source-repositories'],
      holds: ['/usr/bin/git', '/etc/dib-manifests/dib-manifest-dpkg-lists'],
      says: {'/etc/dib-manifests/dib-element-manifest': /^debian-minimal$/m},
    },
  },
  trixie: {
    'ssh-by-a-user': {
      elements: ['block-device-mbr', 'openssh-server', 'runtime-ssh-host-keys', 'growroot'],
      holds: ['/usr/sbin/sshd', '/usr/local/sbin/growroot'],
    },
    'cloud-init-by-a-user': {
      elements: ['block-device-efi', 'cloud-init', 'cloud-init-nocloud', 'cloud-init-disable-resizefs'],
      firmware: 'uefi',
      holds: ['/usr/bin/cloud-init', '/var/lib/cloud/seed/nocloud/user-data'],
      says: {'/etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg': /NoCloud/},
    },
  },
};

/** Root builds those of bookworm's package, an ordinary user without sudo those of trixie's. One store for each of the two; while one
 * image is built, another boots on an emulated processor.
 */
describe.skipIf(process.getuid?.() !== 0)("images of diskimage-builder's own elements", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;
  let user: OrdinaryUser;
  let corpora: Readonly<Record<Release, Corpus>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    store = process.env.TROVESTACK_STORE ?? join(folder.path, 'store');
    await mkdir(join(folder.path, 'user'));
    user = await ordinaryUser(join(folder.path, 'user'));
    corpora = {
      bookworm: await fetchCorpus(folder.path, 'bookworm'),
      trixie: await fetchCorpus(folder.path, 'trixie'),
    };
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  function build(release: Release, disk: string, {elements, environment}: CorpusImage): Promise<CommandResult> {
    const corpus = corpora[release];
    const args = ['image', 'build', '--dib', '-o', disk, 'vm', 'debian-minimal', ...elements];
    const env = {...corpus.environment, ELEMENTS_PATH: corpus.elements, DIB_GRUB_TIMEOUT: '0', ...environment};
    if (release === 'trixie') return user.start(args, {env}).result;
    return runTrovestack(args, {env: {...env, TROVESTACK_STORE: store}});
  }

  const all = (['bookworm', 'trixie'] as const).flatMap((release) =>
    Object.entries(images[release]).map(([name, image]) => [release, name, image] as const),
  );

  test.concurrent.each(all)('boot to a login, and are clean: %s, %s', async (release, name, image) => {
    const {firmware = 'bios', holds = [], says = {}} = image;
    const disk = join(release === 'trixie' ? user.folder : folder.path, `${name}.qcow2`);
    const {exitCode, stderr} = await build(release, disk, image);
    expect(exitCode, stderr.slice(-4000)).toBe(0);

    await using tools = await openTools(store); // of each its own: it keeps a disk's raw form
    const content = await tools.content(disk);
    expect(hygieneProblems(content)).toEqual([]);
    const paths = new Set(content.listing.map(({path}) => path));
    expect(holds.filter((path) => !paths.has(path))).toEqual([]);
    for (const [path, text] of Object.entries(says)) expect(content.texts[path], path).toMatch(text);

    const console = await tools.boot({disk, format: 'qcow2', firmware, until: loginPrompt, timeoutMs: 900_000});
    expect(console.slice(-40).join('\n')).toMatch(loginPrompt);
  });
});

/** What agetty writes above its prompt on the serial console; the prompt itself ends in no newline. */
const loginPrompt = /Debian GNU\/Linux \d+ [a-z]+ ttyS0/;
