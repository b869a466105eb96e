import {at, fact, type Rule} from './rule.js';

export const systemRules: readonly Rule[] = [
  {
    id: 'system.init',
    severity: 'error',
    statement: 'there is an init to start',
    reason: 'The kernel panics: "No working init found".',
    remedy: 'Install systemd-sysv',
    source: 'Linux, init/main.c: kernel_init',
    find: ({entry}) => (['/sbin/init', '/etc/init', '/bin/init'].some(entry) ? [] : fact('no /sbin/init')),
  },
  {
    id: 'system.kernel',
    severity: 'error',
    statement: 'a kernel is there with its modules',
    reason:
      'The boot loader has nothing to load; or a kernel that finds none of its drivers for the network and the disk.',
    remedy: 'Install linux-image-cloud-amd64 (or the release kernel), and clean /boot after removing others',
    source: 'modprobe(8)',
    find: ({below}) => {
      const kernels = below('/boot').flatMap(({path}) => kernelVersion(path) ?? []);
      if (kernels.length === 0) return fact('no /boot/vmlinuz-*');
      return kernels.flatMap((version) => {
        const modules = ['/usr/lib/modules', '/lib/modules'].some((folder) => below(`${folder}/${version}`).length > 0);
        return modules ? [] : [at(`/boot/vmlinuz-${version}`, 'its modules are missing')];
      });
    },
  },
  {
    id: 'system.initramfs',
    severity: 'error',
    statement: 'each kernel has its initial file system',
    reason: 'The kernel cannot find its root file system by UUID or label without one.',
    remedy: 'Run update-initramfs -u -k all as the last of the hooks that touch the kernel',
    source: 'initramfs-tools(7)',
    find: ({below}) => {
      const paths = below('/boot').map(({path, sizeBytes}) => [path, sizeBytes] as const);
      const kernels = paths.flatMap(([path]) => kernelVersion(path) ?? []);
      return kernels.flatMap((version) => {
        const names = [`/boot/initrd.img-${version}`, `/boot/initramfs-${version}.img`];
        const found = paths.find(([path]) => names.includes(path));
        if (!found) return [at(`/boot/vmlinuz-${version}`, 'it has no initial file system beside it')];
        return found[1] > 1024 ? [] : [at(found[0], `it is ${found[1]} bytes long`)];
      });
    },
  },
  {
    id: 'system.release',
    severity: 'error',
    statement: 'the system is the one that the manifest names',
    reason: 'What was proven of one release says nothing of another.',
    remedy: 'Build it again with trovestack image build, or take the manifest away',
    source: 'os-release(5); /etc/trovestack/manifest.json',
    find: ({text}) => {
      const said = manifestOf(text('/etc/trovestack/manifest.json'));
      const release = text('/etc/os-release') ?? text('/usr/lib/os-release');
      if (release === undefined) return fact('no /etc/os-release');
      if (said === undefined) return [];
      const fields = new Map(
        [...release.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map(([, key, value]) => [key, value]),
      );
      const found = `${fields.get('ID')} ${fields.get('VERSION_CODENAME')}`;
      const wanted = `${said.distribution} ${said.release}`;
      if (said.release === 'sid' && found.startsWith(`${said.distribution} `)) return []; // it bears the next release's name
      return found === wanted ? [] : [at('/etc/os-release', `it is ${found}, the manifest says ${wanted}`)];
    },
  },
  {
    id: 'system.packages-whole',
    severity: 'error',
    statement: 'every package is installed to its end',
    reason: 'Its programs are there and its configuration is not: services fail to start, and apt refuses to go on.',
    remedy: 'Look for the hook that removed, interrupted or diverted the package: trovestack image why package:NAME',
    source: 'dpkg(1), package states',
    find: ({unfinishedPackages}) =>
      unfinishedPackages.map(({name, state}) => at('/var/lib/dpkg/status', `${name} is ${state}`)),
  },
  {
    id: 'system.services-may-start',
    severity: 'error',
    statement: 'nothing forbids services to start',
    reason: 'Left from the build, it keeps packages from starting their services in the guest, without a word.',
    remedy: 'Remove it in cleanup.d',
    source: "Debian's invoke-rc.d(8): policy-rc.d",
    find: ({entry}) => {
      const found = entry('/usr/sbin/policy-rc.d');
      return found ? [at(found.path, 'left from the build')] : [];
    },
  },
  {
    id: 'system.diverted-programs',
    severity: 'error',
    statement: 'no program is a stand-in of the build',
    reason: 'Builders put stand-ins over start-stop-daemon and initctl; the guest needs the real ones.',
    remedy: 'Take back the diversion: dpkg-divert --rename --remove FILE',
    source: 'dpkg-divert(1)',
    find: ({below}) =>
      ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].flatMap((folder) =>
        below(folder)
          .filter(({path}) =>
            /\/(start-stop-daemon|initctl|systemctl|invoke-rc\.d)\.(REAL|real|distrib|orig)$/.test(path),
          )
          .map(({path}) => at(path, 'the real program is set aside')),
      ),
  },
  {
    id: 'system.safe-package-writes',
    severity: 'warning',
    statement: 'dpkg waits until what it wrote is on the disk',
    reason: 'Builders switch that off for speed; in a guest a power cut during an update then leaves empty programs.',
    remedy: 'Remove force-unsafe-io from /etc/dpkg/dpkg.cfg.d in cleanup.d',
    source: 'dpkg(1), --force-unsafe-io',
    find: ({below, text}) =>
      below('/etc/dpkg/dpkg.cfg.d')
        .filter(({path}) => /^\s*force-unsafe-io\b/m.test(text(path) ?? ''))
        .map(({path}) => at(path, 'force-unsafe-io, left from the build')),
  },
  {
    id: 'system.resolver',
    severity: 'error',
    statement: "name resolution is the guest's own",
    reason: "The builder's name servers are not the cloud's: the agent never finds its message broker by name.",
    remedy: 'Leave /etc/resolv.conf empty, or link it to systemd-resolved',
    source: 'resolv.conf(5); systemd-resolved.service(8)',
    find: ({entry, text, units}) => {
      const path = '/etc/resolv.conf';
      const found = entry(path);
      if (found?.type === 'link' && /systemd\/resolve/.test(found.target ?? '')) {
        const isEnabled = units.get('systemd-resolved.service') === 'enabled';
        return isEnabled ? [] : [at(path, 'it leads to systemd-resolved, which is not enabled')];
      }
      const servers = [...(text(path) ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server);
      return servers.length > 0 ? [at(path, `it names ${servers.join(' and ')}`)] : [];
    },
  },
  {
    id: 'system.network',
    severity: 'error',
    statement: 'something brings the network up',
    reason: 'The guest gets no address, and its agent reports to nobody.',
    remedy: 'Enable systemd-networkd with a DHCP network, or leave it to cloud-init with netplan or ifupdown',
    source: 'systemd-networkd.service(8), cloud-init: network configuration',
    find: ({units, packages, text, below, entry}) => {
      const isEnabled = (name: string) => units.get(name) === 'enabled';
      const settings = below('/etc/systemd/network').map(({path}) => text(path) ?? '');
      const isDynamic = settings.some((one) => /^\s*DHCP\s*=\s*(yes|ipv4|true)/im.test(one));
      const isFromCloud =
        packages.has('cloud-init') && !/^\s*network:\s*\{\s*config:\s*disabled/m.test(cloudSettings(below, text));
      // netplan's generator enables systemd-networkd at boot, for what /etc/netplan or cloud-init says.
      const hasPlan = isFromCloud || below('/etc/netplan').some(({path}) => path.endsWith('.yaml'));
      if (hasPlan && (entry('/usr/sbin/netplan') || entry('/usr/lib/netplan/generate'))) return [];
      if (isEnabled('systemd-networkd.service') && (isDynamic || isFromCloud)) return [];
      // diskimage-builder's dhcp-all-interfaces starts its unit for each card by a rule of udev.
      const byUdev = below('/etc/udev/rules.d').some(({path}) => /dhcp-interface@/.test(text(path) ?? ''));
      const others = ['NetworkManager.service', 'networking.service', 'network.service'];
      return byUdev || others.some(isEnabled)
        ? []
        : fact('no network service is enabled with a configuration that asks by DHCP');
    },
  },
];

/** Rescue kernels, which run with the modules of another, have no version of their own. */
function kernelVersion(path: string): string | undefined {
  return /^\/boot\/vmlinu[xz]-(?!0-rescue)(.+)$/.exec(path)?.[1];
}

function cloudSettings(
  below: (folder: string) => readonly {path: string}[],
  text: (path: string) => string | undefined,
) {
  return below('/etc/cloud/cloud.cfg.d')
    .map(({path}) => text(path) ?? '')
    .join('\n');
}

function manifestOf(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined; // "agent.manifest" says that it can't be read
  }
}
