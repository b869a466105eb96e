import {Bug, canonicalJson, type Sha256, sha256} from '../base/index.js';
import {dockerImage, type GuestDefinition} from '../image/index.js';
import type {Step} from '../plan/index.js';
import type {Mount} from '../sandbox/index.js';
import {runInTree, type StepContext, type TreeSoFar} from './run-step.js';

const containerAt = '/tmp/container';

/** The layer's canonical tar: its digest names the layer in Docker. Then its content's size. */
const measure = `set -eu -o pipefail
cd ${containerAt}
tar --create --sort=name --numeric-owner --format=posix --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime \\
  --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --xattrs --xattrs-include='security.*' . |
  sha256sum | cut -d ' ' -f 1
find . -type f -printf '%s\\n' | awk '{sum += $1} END {print sum + 0}'
`;

/** Arguments: the layer's folder; then pairs: "file" PATH TEXT or "link" PATH TARGET, all below /var/lib/docker. */
const write = `set -eu
umask 022
docker=$TARGET_ROOT/var/lib/docker
mkdir -p "$docker"
chmod 710 "$docker"
mkdir -p "$docker/$1"
cp --archive --no-target-directory ${containerAt} "$docker/$1"
find "$docker/$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
shift
while [ $# -gt 0 ]; do
  mkdir -p "$(dirname "$docker/$2")"
  if [ "$1" = link ]; then ln -s "$3" "$docker/$2"; else printf '%s' "$3" > "$docker/$2"; fi
  shift 3
done
chmod 710 "$docker"/overlay2 "$docker"/overlay2/* "$docker"/image
chmod 700 "$docker"/image/overlay2
chmod 600 "$docker"/image/overlay2/repositories.json
`;

/** Digest of what does it: a part of the step's key. */
export const preloadScripts = sha256(canonicalJson({measure, write}));

/** Puts a container's tree into the guest's Docker store: what dockerd would have written, without dockerd. */
export async function preloadContainer(
  step: Step,
  definition: GuestDefinition,
  container: {readonly layers: readonly string[]; readonly epoch: number},
  tree: TreeSoFar,
  staged: string,
  context: StepContext,
): Promise<void> {
  const mounts: Mount[] = [{kind: 'tree', at: containerAt, tree: {layers: container.layers, changes: 'none'}}];
  // The container's own date, so that its ids don't depend on the guest around it.
  const dated = {...tree, epoch: container.epoch};
  const measured = await runInTree(step, ['bash', '-c', measure], dated, staged, context, mounts);
  const [diffId, size] = measured.trim().split('\n');
  if (!diffId || !size) throw new Bug('container-not-measured', {measured});
  const layer = {diffId: diffId as Sha256, sizeBytes: Number(size)};
  const image = dockerImage(definition.purpose.container.settings, layer, definition.architecture, container.epoch);
  const files = Object.entries(image.files).flatMap(([path, text]) => ['file', path, text]);
  const links = Object.entries(image.links).flatMap(([path, target]) => ['link', path, target]);
  const argv = ['bash', '-c', write, 'preload', image.layerFolder, ...files, ...links];
  await runInTree(step, argv, dated, staged, context, mounts);
}
