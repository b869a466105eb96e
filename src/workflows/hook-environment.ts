import {aptGetProgram} from '../archive/index.js';
import {canonicalJson, sha256} from '../base/index.js';
import type {Element} from '../element/index.js';
import {type ImageDefinition, isGuest, type TreeDefinition} from '../image/index.js';

/** Places in a sandbox that hooks know by variables. */
export const hookPlaces = {
  // What follows the last dot is a part of file names, for source-repositories for instance.
  build: '/tmp/dib_build.tree',
  target: '/tmp/dib_build.tree/mnt',
  hooks: '/tmp/dib_build.tree/hooks',
  /** The same as `hooks`, seen from inside the image's tree. */
  hooksInside: '/tmp/in_target.d',
  /** Every element's own folder, for hooks outside. */
  elements: '/tmp/dib_build.tree/elements',
  images: '/tmp/dib_build.tree/image',
  library: '/usr/local/lib/answered/lib',
  cache: '/tmp/image-cache',
  debs: '/tmp/image-cache/apt/debian',
} as const;

/** The variables that a tree's hooks see, and that shape it: those of the definition and of upstream's contract. */
export function treeVariables(tree: TreeDefinition, definition: ImageDefinition): Record<string, string> {
  return {
    DIB_CHECKSUM: '0',
    DIB_DEBUG_TRACE: '0',
    DIB_DEFAULT_INSTALLTYPE: isGuest(definition) ? 'package' : 'source',
    DIB_INIT_SYSTEM: 'systemd',
    DIB_MIN_TMPFS: '2',
    DIB_NO_TMPFS: '0',
    DIB_OFFLINE: '',
    // No release that images are built of has another; upstream's default for Debian is 2.
    DIB_PYTHON_VERSION: '3',
    FS_TYPE: definition.disk.root.type,
    IMAGE_TYPE: 'qcow2',
    ...tree.environment,
    ARCH: definition.architecture,
  };
}

/** Variables by which hooks know the image they are in. Those of root.d aren't told, since base roots are shared between
 * images; `neutralVariables` are there for environment.d, which may ask for them.
 */
export function imageVariables(tree: TreeDefinition, elements: readonly Element[]): Record<string, string> {
  const names = elements.map(({name}) => name);
  const settings = Object.entries(tree.environment).filter(([name]) => name.startsWith('DIB_'));
  return {
    DIB_ARGS: tree.elements.join(' '),
    DIB_ENV: settings
      .map(([name, value]) => `declare -x ${name}=${JSON.stringify(value)}`)
      .sort()
      .join('\n'),
    IMAGE_ELEMENT: names.join(' '),
    IMAGE_ELEMENT_YAML: names.map((name) => `${name}: ${hookPlaces.elements}/${name}\n`).join(''),
    IMAGE_NAME: tree.name,
  };
}

/** What root.d has in the place of `imageVariables`. */
export const neutralVariables: Readonly<Record<string, string>> = {
  DIB_ARGS: '',
  DIB_ENV: '',
  IMAGE_ELEMENT: '',
  IMAGE_ELEMENT_YAML: '',
  IMAGE_NAME: 'image',
};

const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A program's environment within a step. What isn't a variable of the tree doesn't shape its result. */
export function stepEnvironment(
  place: 'inside' | 'outside',
  variables: Readonly<Record<string, string>>,
  others: {readonly epoch: number; readonly proxies: Readonly<Record<string, string>>},
): Record<string, string> {
  const everywhere = {
    ...others.proxies,
    ...variables,
    DEBIAN_FRONTEND: 'noninteractive',
    DEBCONF_NONINTERACTIVE_SEEN: 'true',
    DIB_IMAGE_CACHE: hookPlaces.cache,
    DIB_LOCKFILES: `${hookPlaces.cache}/lockfiles`,
    DIB_PYTHON_EXEC: '/usr/bin/python3',
    ELEMENTS_PATH: hookPlaces.elements,
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(others.epoch),
    TMP_BUILD_DIR: hookPlaces.build,
    TMP_HOOKS_PATH: hookPlaces.hooks,
    TMP_IMAGE_DIR: hookPlaces.images,
    TMP_MOUNT_PATH: hookPlaces.target,
    _LIB: hookPlaces.library,
    _ps4: '+ ',
  };
  if (place === 'inside') return {...everywhere, PATH: programPath};
  return {...everywhere, PATH: `/usr/local/lib/answered:${programPath}`, TARGET_ROOT: hookPlaces.target};
}

/** Runs a hook as dib-run-parts does: environment.d is read by bash first, in the order of hooks.
 * Arguments: the folder of all phases, the hook's path within.
 */
export const hookRunner = `
set -eu -o pipefail
hooks=$1
hook=$1/$2
# Outside, the image's tree has devices as upstream's has, and after root.d the other system folders too.
if [ -d "\${TARGET_ROOT:-/nowhere}/dev" ]; then
  system=/dev
  case $2 in root.d/* | block-device.d/*) ;; *) system='/dev /proc /sys' ;; esac
  for folder in $system; do if [ -d "$TARGET_ROOT$folder" ]; then mount --rbind $folder "$TARGET_ROOT$folder"; fi; done
  unset system folder
fi
if [ -d "$hooks/environment.d" ]; then
  if [ "$DIB_DEBUG_TRACE" -gt 0 ]; then set -x; fi
  while read -r name; do source "$hooks/environment.d/$name"; done < <(
    find -L "$hooks/environment.d" -mindepth 1 -maxdepth 1 -type f -printf '%f\\n' | grep -E '^[0-9A-Za-z_.-]+$' | LC_ALL=C sort -n
  )
  set +x
fi
get_image_element_array() { for name in $IMAGE_ELEMENT; do printf '[%s]=%s ' "$name" "$ELEMENTS_PATH/$name"; done; }
die() { local code=$?; set +o xtrace; echo "$@" >&2; exit $((code ? code : 1)); }
export -f get_image_element_array die
exec "$hook"
`;

/** Programs that hooks call for root's rights and mounts, answered within the sandbox, where they are root already. */
export const answeredPrograms: Readonly<Record<string, string>> = {
  sudo: `#!/bin/bash
while [ $# -gt 0 ]; do
  case $1 in
    --user | --group | --chdir) shift 2 ;;
    --) shift; break ;;
    --*) shift ;;
    -*[ugD]) shift 2 ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
exec "$@"
`,
  // A sandbox with the machine's network may not mount its own sysfs, but show the one that is there.
  mount: `#!/bin/bash
arguments=()
is_sysfs=
for argument in "$@"; do
  if [ "$argument" = sysfs ]; then is_sysfs=1; fi
  arguments+=("$argument")
done
if [ -n "$is_sysfs" ]; then exec /usr/bin/mount --rbind /sys "\${arguments[-1]}"; fi
exec /usr/bin/mount "$@"
`,
  'apt-get': aptGetProgram,
  umount: `#!/bin/bash
/usr/bin/umount "$@" 2> /dev/null || exec /usr/bin/umount --lazy "$@"
`,
  // Debian's needs device nodes, which no user namespace may make; mmdebstrap makes the same root without. As Debian's does it,
  // /bin and such are links from the beginning, usr-is-merged says so, /dev has its links, and no package was installed for another's sake alone.
  debootstrap: `#!/bin/bash
set -eu
options=() variant=- components=main
while [ $# -gt 0 ]; do
  case $1 in
    --version) echo 'debootstrap 1.0.141'; exit ;;
    --variant=* | --components=*) declare "\${1:2}" ;;
    --arch=*) options+=("--architectures=\${1#*=}") ;;
    --keyring=* | --include=*) options+=("$1") ;;
    --verbose | --no-check-gpg | --merged-usr) ;;
    -*) echo "debootstrap's option $1 is not supported in a build" >&2; exit 1 ;;
    *) break ;;
  esac
  shift
done
if [ "$variant" = - ]; then options+=(--variant=important); else options+=("--variant=$variant"); fi
cache=$DIB_IMAGE_CACHE/apt/debian
mkdir -p "$cache/partial"
mmdebstrap --mode=root "--components=\${components// /,}" "\${options[@]}" \\
  --skip=output/mknod,check/empty,essential/unlink,cleanup/apt/cache \\
  --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \\
  --setup-hook='mkdir -p "$1/var/cache/apt/archives" && mount --bind '"$cache"' "$1/var/cache/apt/archives"' \\
  --customize-hook='umount "$1/var/cache/apt/archives"' \\
  --dpkgopt=force-unsafe-io "$1" "$2" \\
  "deb $3 $1 \${components//,/ }"
cd "$2"
rm -f etc/dpkg/dpkg.cfg.d/99mmdebstrap var/lib/dpkg/arch var/lib/apt/extended_states
mkdir -p dev/pts dev/shm
ln -sfn /proc/self/fd dev/fd
ln -sfn /proc/self/fd/0 dev/stdin
ln -sfn /proc/self/fd/1 dev/stdout
ln -sfn /proc/self/fd/2 dev/stderr
`,
};

/** Digest of all that the engine brings to a step beside its inputs: a part of every step's key. */
export const engineTexts = sha256(
  canonicalJson({
    ...{hookRunner, answeredPrograms, hookPlaces, neutralVariables},
    environments: (['inside', 'outside'] as const).map((place) => stepEnvironment(place, {}, {epoch: 0, proxies: {}})),
  }),
);
