import type {Element} from '../element/index.js';
import {type ImageDefinition, isGuest, type TreeDefinition} from '../image/index.js';

/** Places in a sandbox that hooks know by variables. */
export const hookPlaces = {
  build: '/tmp/dib_build',
  target: '/tmp/dib_build/mnt',
  hooks: '/tmp/dib_build/hooks',
  /** The same as `hooks`, seen from inside the image's tree. */
  hooksInside: '/tmp/in_target.d',
  cache: '/tmp/image-cache',
  debs: '/tmp/image-cache/apt/debian',
} as const;

/** The variables that a tree's hooks see, and that shape it: those of the definition and of upstream's contract. */
export function treeVariables(tree: TreeDefinition, definition: ImageDefinition): Record<string, string> {
  return {
    DIB_DEFAULT_INSTALLTYPE: isGuest(definition) ? 'package' : 'source',
    DIB_INIT_SYSTEM: 'systemd',
    FS_TYPE: definition.disk.root.type,
    IMAGE_TYPE: 'qcow2',
    ...tree.environment,
    ARCH: definition.architecture,
  };
}

/** Variables by which hooks know the image they are in. Those of root.d aren't told: base roots are shared between images. */
export function imageVariables(tree: TreeDefinition, elements: readonly Element[]): Record<string, string> {
  return {IMAGE_ELEMENT: elements.map(({name}) => name).join(' '), IMAGE_NAME: tree.name};
}

const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A program's environment within a step. What isn't a variable of the tree doesn't shape its result. */
export function stepEnvironment(
  place: 'inside' | 'outside',
  variables: Readonly<Record<string, string>>,
  others: {readonly epoch: number; readonly proxies: Readonly<Record<string, string>>},
): Record<string, string> {
  const everywhere = {
    ...others.proxies,
    DIB_CHECKSUM: '',
    DIB_DEBUG_TRACE: '0',
    DIB_OFFLINE: '',
    ...variables,
    DEBIAN_FRONTEND: 'noninteractive',
    DEBCONF_NONINTERACTIVE_SEEN: 'true',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(others.epoch),
  };
  if (place === 'inside') return {...everywhere, PATH: programPath};
  return {
    ...everywhere,
    PATH: `/usr/local/lib/answered:${programPath}`,
    DIB_IMAGE_CACHE: hookPlaces.cache,
    TARGET_ROOT: hookPlaces.target,
    TMP_BUILD_DIR: hookPlaces.build,
    TMP_HOOKS_PATH: hookPlaces.hooks,
    TMP_MOUNT_PATH: hookPlaces.target,
  };
}

/** Runs a hook as dib-run-parts does: environment.d is read by bash first, in the order of hooks.
 * Arguments: the folder of all phases, the hook's path within.
 */
export const hookRunner = `
set -eu -o pipefail
hooks=$1
hook=$1/$2
if [ -d "$hooks/environment.d" ]; then
  while read -r name; do source "$hooks/environment.d/$name"; done < <(
    find -L "$hooks/environment.d" -mindepth 1 -maxdepth 1 -type f -printf '%f\\n' | grep -E '^[0-9A-Za-z_.-]+$' | LC_ALL=C sort -n
  )
fi
get_image_element_array() { local all=($IMAGE_ELEMENT); declare -p all | sed 's/^declare -a all=//'; }
export -f get_image_element_array
exec "$hook"
`;

/** Programs that hooks call for root's rights and mounts, answered within the sandbox, where they are root already. */
export const answeredPrograms: Readonly<Record<string, string>> = {
  sudo: `#!/bin/bash
while [ $# -gt 0 ]; do
  case $1 in
    -u | -g) shift 2 ;;
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
  umount: `#!/bin/bash
/usr/bin/umount "$@" 2> /dev/null || exec /usr/bin/umount --lazy "$@"
`,
};
