import type {Words} from './words.js';

/** Words of the errors that whoever owns this machine can mend. Exit code 4. */
export const hostWords = {
  'unreadable-result': (f: {folder: string; problem: string}): Words => ({
    message: `Cannot read the result "${f.folder}" of the store: ${f.problem}`,
    next: 'trovestack store verify --repair',
  }),
  'missing-tool': (f: {tool: string; why: string; install: string}): Words => ({
    message: `Cannot go on without "${f.tool}": ${f.why}`,
    next: f.install,
  }),
  'disk-full': (f: {path: string; doing: string}): Words => ({
    message: `Cannot finish ${f.doing}: no space left on the file system of "${f.path}"`,
    next: `free space there, or choose another place with TROVESTACK_STORE; then run the same command again`,
  }),
  'out-of-memory': (f: {doing: string; log: string}): Words => ({
    message: `Cannot finish ${f.doing}: the kernel ended it by SIGKILL, since memory ran out`,
    details: {log: f.log},
    next: 'free memory, add swap or raise the limit of the control group that the build runs in; then run the same command again',
  }),
  'no-access': (f: {path: string; problem: string}): Words => ({
    message: `Cannot use "${f.path}": ${f.problem === 'EROFS' ? 'its file system is read-only' : 'permission denied'}`,
  }),
  'not-root': (f: {doing: string; why: string}): Words => ({
    message: `Cannot ${f.doing} as an ordinary user: ${f.why}`,
    next: 'run the same command as root, or with sudo',
  }),
  'user-namespaces-off': (f: {problem: string; next?: string}): Words => ({
    message: `Cannot open a user namespace: ${f.problem || 'the kernel refuses'}`,
    next:
      f.next ??
      'in a container: allow CLONE_NEWUSER and mount(2) there (seccomp, AppArmor), or build outside of it; else trovestack doctor',
  }),
  'no-id-range': (f: {user: string; file: string; wanted: number; first: number}): Words => ({
    message: `Cannot map user ids for the sandboxes of user "${f.user}": ${f.file} gives no range of ${f.wanted} or more`,
    next: `as root: usermod --add-subuids ${f.first}-${f.first + 65_535} --add-subgids ${f.first}-${f.first + 65_535} ${f.user}`,
  }),
  'other-ids': (f: {store: string; found: number; wanted: number}): Words => ({
    message: `Cannot use the store "${f.store}": its files belong to the user ids from ${f.found} on, and this run's sandboxes have those from ${f.wanted} on`,
    next: 'run as the user who made it, or name another with TROVESTACK_STORE',
  }),
  'sandbox-failed': (f: {name: string; problem: string}): Words => ({
    message: `Cannot make the sandbox of "${f.name}": ${f.problem}`,
    next: 'trovestack doctor',
  }),
  'mirror-unreachable': (f: {doing: string; log?: string; problem?: string}): Words => ({
    message: `Cannot finish ${f.doing}: the package mirror cannot be reached, or refuses`,
    details: {...(f.problem ? {said: f.problem} : {}), ...(f.log ? {log: f.log} : {})},
    next: 'check the network and the proxy variables, or name a mirror with DIB_DISTRIBUTION_MIRROR',
  }),
  'source-unreachable': (f: {name: string; location: string; problem: string}): Words => ({
    message: `Cannot read the source "${f.name}" at "${f.location}"`,
    details: {said: f.problem},
    next: `check the network and the proxy variables, or name another place with DIB_REPOLOCATION_${f.name.replace(/[^A-Za-z0-9]/g, '_')}`,
  }),
  'archive-moved': (f: {doing: string; file: string}): Words => ({
    message: `Cannot finish ${f.doing}: the package archive changed, and has "${f.file}" no longer`,
    next: 'run the same command again with --update',
  }),
  'package-altered': (f: {file: string; problem: string}): Words => ({
    message: `Cannot use "${f.file}": ${f.problem}`,
    next: 'the mirror, or a proxy before it, hands out another file than the archive: name another with DIB_DISTRIBUTION_MIRROR',
  }),
  'tools-not-as-locked': (f: {differences: readonly string[]}): Words => ({
    message:
      "Cannot make the tools root that the lock names: this machine's mmdebstrap makes another of the same packages",
    details: {differences: f.differences.join(', ') || 'none by name and version'},
    next: 'move the lock with --update',
  }),
  'not-at-hand': (f: {files: readonly string[]}): Words => ({
    message: `Cannot build without network: ${f.files.length} file${f.files.length === 1 ? ' is' : 's are'} not in the store`,
    details: {missing: f.files.join(', ')},
    next: 'run the same command without --offline once, or bring a bundle: trovestack image bundle',
  }),
  'command-failed': (f: {doing: string; command: string; outcome: string; output: string}): Words => ({
    message: `Cannot finish ${f.doing}: ${f.command} ${f.outcome}`,
    ...(f.output ? {details: {said: f.output}} : {}),
  }),
  'busy-lock': (f: {what: string; holder: string}): Words => ({
    message: `Cannot use ${f.what}: ${f.holder} is using it`,
    next: 'wait until it ends, then run the same command again',
  }),
  'subnet-in-use': (f: {subnet: string; taken: string; user: string}): Words => ({
    message: `Cannot use the subnet ${f.subnet} for a devcloud: ${f.taken} is in use on this machine`,
    details: {'used by': f.user},
    next: 'name a free one with --subnet, for example 172.27.9.0/24',
  }),
  'namespaces-failed': (f: {problem: string}): Words => ({
    message: `Cannot enter namespaces of its own for a devcloud: ${f.problem || 'the kernel refuses'}`,
    next: 'trovestack doctor',
  }),
  'devcloud-not-ready': (f: {name: string; what: string; problem: string; said: string}): Words => ({
    message: `Cannot start devcloud "${f.name}": ${f.what}: ${f.problem}`,
    ...(f.said ? {details: {said: f.said}} : {}),
    next: `trovestack devcloud up --name ${f.name} --verbose`,
  }),
  'devcloud-down': (f: {name: string; doing: string}): Words => ({
    message: `Cannot ${f.doing} in devcloud "${f.name}": it isn't running`,
    next: `trovestack devcloud up --name ${f.name}`,
  }),
  'layer-gone': (f: {name: string; layer: string}): Words => ({
    message: `Cannot start devcloud "${f.name}": the layer that it stands on is no longer in the store`,
    details: {layer: f.layer},
    next: `trovestack devcloud destroy --name ${f.name}, then up again`,
  }),
} as const;
