/** What kept a guest from serving. Kinds keep their names: people search for them, and tests name them. */
export interface Cause {
  readonly kind: CauseKind;
  /** What was seen, in the words of whoever saw it. */
  readonly detail: string;
}

/** Each kind with what mends it. `image:` is for who built the image, `guest:` for the machine's size, `cloud:` and
 * `host:` for what the image can't help. */
export const remedies = {
  'image: no boot loader': 'give the disk a boot loader for this firmware: block-device-gpt and bootloader elements',
  'image: boot loader': "check the boot loader's configuration against the kernels below /boot",
  'image: kernel': 'check that kernel, initial file system and root file system belong together',
  'image: root file system':
    "check root= of the kernel's command line and /etc/fstab against the disk's UUIDs and labels",
  'image: emergency mode': 'check /etc/fstab and the units that local-fs.target needs',
  'image: init': 'check /sbin/init and what the initial file system hands over to',
  'image: disk full': 'make the disk larger (min_disk), or see that its file system grows at first boot',
  'image: architecture': 'build programs and containers for the architecture of the guest',
  'image: network': 'see that systemd-networkd, or another client of DHCP, is enabled and matches the network card',
  'image: dns': 'see that /etc/resolv.conf leads to a resolver that takes its servers from DHCP',
  'image: cloud-init': 'see that cloud-init is enabled, reads config drive and metadata service, and has write_files',
  'image: docker': 'see that Docker starts, that its settings can be read, and that the agent is in the group docker',
  'image: agent not enabled': 'enable trove-guestagent.service, and see that nothing masks it or what it waits for',
  'image: agent': "see the agent's own words: its program, its Python modules and its folders have to be there",
  'image: agent version': "build the image with the agent of the cloud's series: trovestack image build --series",
  'image: sudo': 'give the user of the agent a rule in /etc/sudoers.d: ALL=(ALL) NOPASSWD: ALL',
  'image: volume':
    'see that mkfs and mount for the type of the volume are in the image, and nothing else takes the disk',
  'image: container missing': "preload the database's container under the name and tag that the agent asks for",
  'image: container':
    "see the container's own words: its entry point has to start the server with the agent's arguments",
  'image: database': "see the server's own words; its configuration is the one that Trove writes",
  'image: port': 'see that the container publishes its port and that no packet filter of the guest drops it',
  'image: restart': 'see that Docker and the agent start with the machine, and that the data are on the volume',
  'guest: memory': 'give the flavor more memory (min_ram)',
  'host: emulation': 'the emulated machine lost its timer, as happens on a busy host: try again, or where KVM works',
  'cloud: broker': "check the cloud's message broker: address, port, user and password in trove-guestagent.conf",
  'cloud: no call': "the agent waits for Trove's call: look at the log of trove-taskmanager",
  unknown: 'boot it and look: trovestack image boot FILE',
} as const;

export type CauseKind = keyof typeof remedies;

/** `image: dns: Name or service not known` */
export function describeCause({kind, detail}: Cause): string {
  return `${kind}: ${detail}`;
}

type Sign = readonly [pattern: RegExp, kind: CauseKind, words?: string];

/** Signs of a boot that goes no further, with words in which `$1` is the pattern's first group. */
const deadEnds: readonly Sign[] = [
  [/Kernel panic - not syncing: ?VFS: (.*)/, 'image: root file system', 'the kernel panicked: $1'],
  [/Kernel panic - not syncing: ?(.*)/, 'image: kernel', 'the kernel panicked: $1'],
  [/No bootable device|No bootable option or device was found/, 'image: no boot loader', 'the firmware found none'],
  [/^grub rescue>|error: unknown filesystem/, 'image: boot loader', 'it found no file system to go on from'],
  [/error: .*?((?:no such device|file .* not found|you need to load the kernel first).*)/, 'image: boot loader'],
  [/ALERT! +(.*) does not exist/, 'image: root file system', '$1 does not exist'],
  [/Failed to mount (.*root.*)/i, 'image: root file system'],
  [/You are in emergency mode|Entering emergency mode/, 'image: emergency mode', 'the system entered it'],
];

/** Signs of trouble that may pass, or that something else may follow from. The first that shows up is the cause, when the
 * database doesn't come. The order matters where a line has two of them: what is more telling stands first.
 * @see oslo.messaging 16 rpc/dispatcher.py and _drivers/impl_rabbit.py, Trove 23 cmd/guest.py, docker-py 5 errors.py,
 * Moby 26 daemon, systemd 257: their words
 */
const signs: readonly Sign[] = [
  [
    /No such image|pull access denied|manifest.* (?:not found|unknown)|ImageNotFound|"https?:\/\/\S+\/v2\//,
    'image: container missing',
  ],
  [/no container image (\S+)/, 'image: container missing'],
  [/UnsupportedVersion|does not support RPC version|Unsupported RPC version/, 'image: agent version'],
  [/Manager class not registered for datastore manager/, 'image: agent version'],
  [/guest_id parameter is not set|No option .*datastore_manager|unknown datastore manager/i, 'image: cloud-init'],
  [/exec format error/i, 'image: architecture'],
  [/No space left on device/, 'image: disk full'],
  [/Out of memory: Killed process|oom-kill:/, 'guest: memory'],
  [
    /sudo: .*(?:password is required|not in the sudoers|no valid sudoers|command not found)|sudo: not found/,
    'image: sudo',
  ],
  [/ (?:sudo|'sudo'): command not found|No such file or directory: '?sudo/, 'image: sudo'],
  [
    /docker.*(?:permission denied|PermissionError)|PermissionError.*docker|\('Connection aborted\.', (?:PermissionError|FileNotFoundError|ConnectionRefusedError)/i,
    'image: docker',
  ],
  [
    /Error while fetching server API version|Cannot connect to the Docker daemon|failed to start daemon/,
    'image: docker',
  ],
  [
    /Name or service not known|Temporary failure in name resolution|no such host|Could not resolve host|gaierror|Lookup timed out|\[Errno -[235]\]/i,
    'image: dns',
  ],
  [
    /ACCESS_REFUSED|AMQP server on .*(?:unreachable|closed)|amqp.*ECONNREFUSED|\[Errno 111\] (?:ECONNREFUSED|Connection refused).*retrying/i,
    'cloud: broker',
  ],
  [
    /mkfs\.?\w*: (?:command )?not found|No such file or directory: '?mkfs|unknown filesystem type|wrong fs type|Volume was not formatted|did not show up/i,
    'image: volume',
  ],
  [/ModuleNotFoundError|ImportError: /, 'image: agent'],
  [/rcu_preempt kthread (?:starved|timer wakeup didn't happen)/, 'host: emulation'],
  [/Datasource DataSourceNone|No active datasource|Unable to find any.*datasource/, 'image: cloud-init'],
];

/** The unit that fails, or its beginning → what that is about. */
const unitKinds: readonly (readonly [RegExp, CauseKind])[] = [
  [/^(docker|containerd)\./, 'image: docker'],
  [/^cloud-/, 'image: cloud-init'],
  [/^systemd-networkd/, 'image: network'],
  [/^systemd-resolved/, 'image: dns'],
  [/^trove-guestagent/, 'image: agent'],
  [/^(var-lib-|systemd-fsck@|systemd-growfs|systemd-repart)/, 'image: volume'],
];

/** A line that ends all hope, as a cause. Pure. */
export function deadEnd(text: string): Cause | undefined {
  return match(text, deadEnds);
}

/** Trouble that a line tells of. Pure. */
export function troubleIn(text: string): Cause | undefined {
  return match(text, signs);
}

/** What a failing unit is about; undefined for those that a database does without. */
export function kindOfUnit(unit: string): CauseKind | undefined {
  return unitKinds.find(([pattern]) => pattern.test(unit))?.[1];
}

function match(text: string, among: readonly Sign[]): Cause | undefined {
  for (const [pattern, kind, words = '$1'] of among) {
    const found = pattern.exec(text);
    if (!found) continue;
    const group = found[1]?.trim() ?? '';
    const detail = words.replace('$1', group).replace(/: $/, '');
    return {kind, detail: detail || text.trim()};
  }
  return undefined;
}
