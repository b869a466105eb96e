/** A directory tree made of layers, as overlayfs stacks them. */
export interface Tree {
  /** Folders on this machine, the top one first. */
  readonly layers: readonly string[];
  /** Where changes go: nowhere (the tree is read-only), away when the sandbox ends, or into `<keptIn>/tree`. */
  readonly changes: 'none' | 'discarded' | {readonly keptIn: string};
}

/** What is put into the sandbox's root, in order; `at` is absolute there, and made when it is missing. */
export type Mount =
  | {readonly kind: 'tree'; readonly at: string; readonly tree: Tree}
  | {readonly kind: 'bind'; readonly at: string; readonly from: string; readonly readOnly: boolean}
  | {readonly kind: 'tmpfs'; readonly at: string};

/** A program's world as a value: what it sees of the machine, and nothing else of it. `/proc`, `/sys` (read-only) and a
 * minimal `/dev` are always there. */
export interface SandboxSpec {
  /** For messages, and the host name inside. */
  readonly name: string;
  readonly root: Tree;
  readonly mounts: readonly Mount[];
  /** `host`: the machine's network; `none`: not even a loopback device that is up. */
  readonly network: 'host' | 'none';
  /** `mapped`: a user namespace whose root is nobody outside. `host`: this process's own ids, for our tools only. */
  readonly ids: 'mapped' | 'host';
  /** The whole environment, PATH included; its names are those that a shell can have. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly argv: readonly string[];
}

/** Where the store's folder is seen while a sandbox is being made: a place that each id may reach. */
export const storeInside = '/mnt';

/** Exit code of the scripts that make a sandbox, when one of their acts fails; the program has not begun then. */
export const madeNothing = 199;

/** The folders that one sandbox needs while it is being made, as paths on this machine. */
export interface SandboxPlaces {
  readonly store: string;
  /** Below the store, empty, for this sandbox alone. */
  readonly work: string;
}

/** One overlay or bind mount of the script, with what has to exist before: the rim makes it. */
export interface PreparedTree {
  /** A folder of short links to the layers, so that mount(2)'s one page of options holds hundreds. */
  readonly links: string;
  readonly tree: Tree;
  /** Folder with `tree` and `work`, when changes are possible. */
  readonly changes?: string;
}

/** What `enter` performs for a spec. All of it is known before anything happens. */
export interface SandboxPlan {
  readonly trees: readonly PreparedTree[];
  /** Things outside the store, bound below the work folder before ids change, since they may lie below closed folders. */
  readonly hostBinds: readonly {readonly from: string; readonly to: string; readonly readOnly: boolean}[];
  /** Run in the new namespaces: builds the root, enters it, runs the program. */
  readonly script: string;
}

/** The acts that make a sandbox. Pure. */
export function planSandbox(spec: SandboxSpec, places: SandboxPlaces): SandboxPlan {
  const trees: PreparedTree[] = [];
  const hostBinds: {from: string; to: string; readOnly: boolean}[] = [];
  const prepare = (tree: Tree): PreparedTree => {
    const prepared = prepareTree(tree, places, trees.length);
    trees.push(prepared);
    return prepared;
  };
  const inside = (path: string) => insideStore(path, places.store);
  const root = inside(`${places.work}/root`);
  const lines = [
    `set -eu; trap 'exit ${madeNothing}' EXIT`,
    'umask 022',
    'export PATH=/usr/sbin:/usr/bin:/sbin:/bin LIBMOUNT_FORCE_MOUNT2=always',
  ];
  lines.push(...treeLines(prepare(spec.root), root, inside), ...systemLines(root));
  for (const mount of spec.mounts) {
    const at = `${root}${mount.at}`;
    lines.push(...plainPathLines(root, mount.at));
    if (mount.kind === 'tree') lines.push(`mkdir -p ${quote(at)}`, ...treeLines(prepare(mount.tree), at, inside));
    if (mount.kind === 'tmpfs') lines.push(`mkdir -p ${quote(at)}`, `mount -t tmpfs -o mode=1777 tmpfs ${quote(at)}`);
    if (mount.kind === 'bind') {
      const to = `${places.work}/host/${hostBinds.length}`;
      const isStored = isBelow(mount.from, places.store);
      if (!isStored) hostBinds.push({from: mount.from, to, readOnly: mount.readOnly});
      lines.push(...bindLines(inside(isStored ? mount.from : to), at, mount.readOnly));
    }
  }
  lines.push(...leaveLines(root), ...programLines(spec));
  return {trees, hostBinds, script: lines.join('\n')};
}

function prepareTree(tree: Tree, places: SandboxPlaces, index: number): PreparedTree {
  const links = `${places.work}/layers/${index}`;
  if (tree.changes === 'none') return {links, tree};
  return {
    links,
    tree,
    changes: tree.changes === 'discarded' ? `${places.work}/changes/${index}` : tree.changes.keptIn,
  };
}

function treeLines(prepared: PreparedTree, at: string, inside: (path: string) => string): string[] {
  const {layers} = prepared.tree;
  const links = quote(inside(prepared.links));
  if (!prepared.changes && layers.length === 1) return [`mount --rbind ${links}/0 ${quote(at)}`, ...readOnlyLines(at)];
  const lower = layers.map((_, i) => i).join(':');
  const changes = prepared.changes ? inside(prepared.changes) : undefined;
  const upper = changes ? `,upperdir=${changes}/tree,workdir=${changes}/work,volatile` : '';
  return [`cd ${links}`, `mount -t overlay overlay -o ${quote(`lowerdir=${lower}${upper},userxattr`)} ${quote(at)}`];
}

/** A link in a tree, on the way to where something is to be mounted, would lead out of it: the root isn't left yet. */
function plainPathLines(root: string, at: string): string[] {
  const names = at.split('/').filter(Boolean);
  const places = names.map((_, i) => quote(`${root}/${names.slice(0, i + 1).join('/')}`));
  return [
    `for place in ${places.join(' ')}; do if [ -L "$place" ]; then`,
    `echo "the tree has a link where ${at} is to be mounted" >&2; exit ${madeNothing}; fi; done`,
  ];
}

function bindLines(from: string, at: string, readOnly: boolean): string[] {
  const [source, target] = [quote(from), quote(at)];
  return [
    `if [ -d ${source} ]; then mkdir -p ${target}; elif [ ! -e ${target} ]; then mkdir -p "$(dirname ${target})"; : > ${target}; fi`,
    `mount --bind ${source} ${target}`,
    ...(readOnly ? readOnlyLines(at) : []),
  ];
}

function readOnlyLines(at: string): string[] {
  return [`mount -o remount,bind,ro ${quote(at)}`];
}

function systemLines(root: string): string[] {
  const dev = `${root}/dev`;
  return [
    ...['/proc', '/sys', '/dev'].flatMap((at) => plainPathLines(root, at)),
    `mkdir -p ${root}/proc ${root}/sys ${dev}`,
    `mount -t proc proc ${root}/proc`,
    `mount --rbind /sys ${root}/sys`,
    ...readOnlyLines(`${root}/sys`),
    `mount -t tmpfs -o mode=755 tmpfs ${dev}`,
    `for name in null zero full random urandom tty; do : > ${dev}/$name; mount --bind /dev/$name ${dev}/$name; done`,
    `mkdir ${dev}/pts ${dev}/shm ${dev}/outside`,
    `mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts ${dev}/pts`,
    `mount -t tmpfs -o mode=1777 tmpfs ${dev}/shm`,
    `ln -s pts/ptmx ${dev}/ptmx`,
    `ln -s /proc/self/fd ${dev}/fd`,
    ...[0, 1, 2].map((fd) => `ln -s /proc/self/fd/${fd} ${dev}/${['stdin', 'stdout', 'stderr'][fd]}`),
  ];
}

/** After this nothing of the machine's own file system can be reached. umount(8) is run from the old root, since the new
 * one need not have it. */
function leaveLines(root: string): string[] {
  return [
    `cd ${root}`,
    'pivot_root . dev/outside',
    'cd /',
    'chroot /dev/outside umount --no-mtab --lazy /',
    'rmdir /dev/outside',
  ];
}

/** The shell stays the namespace's first process: it reaps, and its end takes everything with it. */
function programLines(spec: SandboxSpec): string[] {
  const own = Object.entries(spec.env).map(([name, value]) => `export ${name}=${quote(value)}`);
  // What this script, or bash in the place of sh, has exported beside them. Values would be seen in arguments of env(1).
  const others = ['LIBMOUNT_FORCE_MOUNT2', 'OLDPWD', 'PWD', 'SHLVL', '_'].filter((name) => !(name in spec.env));
  return [
    `cd ${quote(spec.cwd)}`,
    ...own,
    'trap - EXIT',
    `env ${others.map((name) => `-u ${name}`).join(' ')} ${spec.argv.map(quote).join(' ')} || exit $?`,
    // Not the last command of the script, or the shell would become it.
    'exit 0',
  ];
}

/** A path below the store, as it is seen while the sandbox is made. */
export function insideStore(path: string, store: string): string {
  return isBelow(path, store) ? `${storeInside}${path.slice(store.length)}` : path;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Quotes a word for a POSIX shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
