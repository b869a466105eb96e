import type {FileProblem} from '../yaml-file.js';
import type {Words} from './words.js';

/** Words of the errors that the person typing, or writing a file, can mend. Exit code 2. */
export const usageWords = {
  'bad-argument': (f: {argument: string; problem: string; next?: string}): Words => ({
    message: `Cannot use ${f.argument}: ${f.problem}`,
    next: f.next ?? 'trovestack --help',
  }),
  'no-terminal': (f: {doing: string}): Words => ({
    message: `Cannot ${f.doing}: standard input and output are no terminal`,
    next: 'run the same command at a terminal, without a pipe',
  }),
  'file-not-found': (f: {path: string; what: string}): Words => ({
    message: `Cannot read ${f.what} "${f.path}": no such file`,
  }),
  'unusable-path': (f: {path: string; problem: string}): Words => ({
    message: `Cannot use the path "${f.path}": ${f.problem}`,
  }),
  'unreadable-file': (f: {path: string; what: string; problems: readonly string[]}): Words => ({
    message: `Cannot read ${f.what} "${f.path}": ${f.problems.length === 1 ? f.problems[0] : `${f.problems.length} problems`}`,
    ...(f.problems.length > 1 ? {details: Object.fromEntries(f.problems.map((p, i) => [`${i + 1}`, p]))} : {}),
  }),
  'invalid-file': (f: {path: string; what: string; problems: readonly FileProblem[]}): Words => ({
    message: `Cannot use ${f.what} "${f.path}": ${f.problems.length === 1 ? '1 problem' : `${f.problems.length} problems`}`,
    details: problemsByPlace(f.problems),
  }),
  'not-a-disk-image': (f: {path: string; problem: string}): Words => ({
    message: `Cannot use "${f.path}" as a disk image: ${f.problem}`,
    next: 'trovestack image build DATASTORE makes one',
  }),
  'unknown-build': (f: {image: string; known: readonly string[]}): Words => ({
    message: `Cannot find the image "${f.image}": it is neither a file nor an image in the store`,
    details: {known: f.known.join(', ') || 'none: the store has no image yet'},
    next: 'trovestack store list',
  }),
  'not-in-image': (f: {what: string; image: string; problem?: string}): Words => ({
    message: `Cannot find ${f.what} in the image "${f.image}"${f.problem ? `: ${f.problem}` : ''}`,
  }),
  'no-cloud': (f: {known: readonly string[]}): Words => ({
    message: 'Cannot choose a cloud: neither --cloud nor OS_CLOUD nor OS_AUTH_URL is given',
    details: {known: f.known.join(', ') || 'none: no clouds.yaml was found'},
    next: 'add --cloud NAME, or start a cloud on this machine with: trovestack devcloud up',
  }),
  'unknown-cloud': (f: {name: string; nearest: readonly string[]; known: readonly string[]}): Words => ({
    message: `Cannot find cloud "${f.name}" in clouds.yaml`,
    details: f.nearest.length ? {nearest: f.nearest.join(', ')} : {known: f.known.join(', ') || 'none'},
    next: 'add it to clouds.yaml, or start a cloud on this machine with: trovestack devcloud up',
  }),
  'incomplete-cloud': (f: {cloud: string; source: string; problems: readonly string[]}): Words => ({
    message: `Cannot use cloud "${f.cloud}" of ${f.source}: ${f.problems.join('; ')}`,
    next: 'complete it there, or in secure.yaml beside it',
  }),
  'not-registered': (f: {datastore: string; version: string; cloud: string}): Words => ({
    message: `Cannot activate ${f.datastore} ${f.version}: cloud "${f.cloud}" doesn't know this datastore version`,
    next: 'trovestack image load FILE',
  }),
  'no-former-image': (f: {version: string; cloud: string; problem: string}): Words => ({
    message: `Cannot roll ${f.version} back in cloud "${f.cloud}": ${f.problem}`,
    next: 'trovestack image status lists the images there; image activate --image ID serves with one of them',
  }),
  'unknown-image': (f: {image: string; cloud: string; problem: string}): Words => ({
    message: `Cannot use image "${f.image}" of cloud "${f.cloud}": ${f.problem}`,
    next: 'trovestack image load FILE',
  }),
  'import-not-offered': (f: {method: string; offered: readonly string[]}): Words => ({
    message: `Cannot have the cloud import the image by ${f.method}: it doesn't offer that`,
    details: {offered: f.offered.join(', ') || 'no import at all'},
    next: 'leave --from-url away: the file is uploaded then',
  }),
  'unknown-project': (f: {project: string; cloud: string; problem: string}): Words => ({
    message: `Cannot share with project "${f.project}" of cloud "${f.cloud}": ${f.problem}`,
    next: `openstack --os-cloud ${f.cloud} project list`,
  }),
  'unknown-datastore': (f: {name: string; nearest: readonly string[]; known: readonly string[]}): Words => ({
    message: `Cannot find datastore "${f.name}" in the catalogue`,
    details: f.nearest.length ? {nearest: f.nearest.join(', ')} : {known: f.known.join(', ')},
    next: 'trovestack catalog list',
  }),
  'unknown-version': (f: {datastore: string; version: string; known: readonly string[]}): Words => ({
    message: `Cannot find version "${f.version}" of datastore "${f.datastore}" in the catalogue`,
    details: {known: f.known.join(', ')},
    next: `trovestack catalog show ${f.datastore}`,
  }),
  'unknown-devcloud': (f: {name: string; known: readonly string[]}): Words => ({
    message: `Cannot find devcloud "${f.name}"`,
    details: {known: f.known.length ? f.known.join(', ') : 'none yet'},
    next: `trovestack devcloud up --name ${f.name}`,
  }),
  'unknown-service': (f: {service: string; nearest: readonly string[]; known: readonly string[]}): Words => ({
    message: `Cannot find a log of service "${f.service}"`,
    details: f.nearest.length ? {nearest: f.nearest.join(', ')} : {known: f.known.join(', ')},
  }),
  'devcloud-differs': (f: {name: string; what: string; wanted: string; current: string}): Words => ({
    message: `Cannot start devcloud "${f.name}" with ${f.what} "${f.wanted}": it was made with "${f.current}"`,
    next: `trovestack devcloud destroy --name ${f.name}, then up again; or choose another --name`,
  }),
  'unknown-element': (f: {
    name: string;
    neededBy: string;
    nearest: readonly string[];
    searchPath: readonly string[];
  }): Words => ({
    message: `Cannot find element "${f.name}", which ${f.neededBy} asks for`,
    details: {...(f.nearest.length ? {nearest: f.nearest.join(', ')} : {}), searched: f.searchPath.join(', ')},
    next: 'trovestack element list',
  }),
  'bad-element-name': (f: {name: string; neededBy: string}): Words => ({
    message: `Cannot use "${f.name}", which ${f.neededBy} asks for, as an element: it is not a name of one`,
    details: {wanted: 'a name per line in element-deps: letters, digits, "_", ".", "+" and "-"'},
  }),
  'hooks-without-interpreter': (f: {hooks: readonly string[]}): Words => ({
    message: `Cannot run ${f.hooks.length === 1 ? `"${f.hooks[0]}"` : `${f.hooks.length} hooks`}: the first line names no interpreter`,
    ...(f.hooks.length > 1 ? {details: Object.fromEntries(f.hooks.map((hook, i) => [`${i + 1}`, hook]))} : {}),
    next: 'begin it with a line such as #!/bin/bash',
  }),
  'bad-condition': (f: {element: string; package: string; condition: string; problem: string}): Words => ({
    message: `Cannot tell whether element "${f.element}" wants package "${f.package}": ${f.problem}`,
    details: {condition: f.condition},
    next: 'give the variable a value in an environment.d of the element, or in the environment',
  }),
  'clashing-elements': (f: {clashes: readonly string[]}): Words => ({
    message: `Cannot combine these elements: ${f.clashes.length === 1 ? f.clashes[0] : `${f.clashes.length} clashes`}`,
    ...(f.clashes.length > 1 ? {details: Object.fromEntries(f.clashes.map((c, i) => [`${i + 1}`, c]))} : {}),
  }),
  'no-operating-system': (f: {elements: readonly string[]}): Words => ({
    message: `Cannot build from ${f.elements.map((e) => `"${e}"`).join(', ')}: none of them provides an operating system`,
    next: 'add an element that has "operating-system" in its element-provides',
  }),
  'unknown-step': (f: {step: string; known: readonly string[]}): Words => ({
    message: `Cannot rebuild "${f.step}": the image has no such step`,
    details: {known: f.known.join(', ')},
    next: 'trovestack image plan DATASTORE',
  }),
  'no-mirror': (f: {variable: string}): Words => ({
    message: 'Cannot tell which package mirror to use: neither this machine nor mmdebstrap names one',
    next: `set ${f.variable} to a Debian archive`,
  }),
  'lock-differs': (f: {file: string; changes: readonly string[]}): Words => ({
    message: `Cannot build from the lock "${f.file}": ${f.changes.length === 1 ? f.changes[0] : `${f.changes.length} things differ`}`,
    ...(f.changes.length > 1 ? {details: Object.fromEntries(f.changes.map((c, i) => [`${i + 1}`, c]))} : {}),
    next: 'build without --locked, and with the network: the lock then follows what changed, and packages stay as they are',
  }),
  'lock-outdated': (f: {file: string; moves: string}): Words => ({
    message: `Cannot build from the lock "${f.file}": package list moved: ${f.moves}`,
    next: 'move the lock with --update, or build from a bundle made when it was new',
  }),
  'source-moved': (f: {file: string; name: string; location: string; pin: string}): Words => ({
    message: `Cannot build from the lock "${f.file}": "${f.location}" has ${f.pin} of the source "${f.name}" no longer`,
    next: 'move the lock with --update',
  }),
  'no-lock': (f: {file: string; option: string}): Words => ({
    message: `Cannot build with ${f.option}: there is no lock "${f.file}"`,
    next: 'build once without it, which writes the lock; or name another with --lock FILE',
  }),
  'unusable-bundle': (f: {file: string; problem: string}): Words => ({
    message: `Cannot use the bundle "${f.file}": ${f.problem}`,
    next: 'make it again: trovestack image bundle',
  }),
  'not-a-store': (f: {folder: string}): Words => ({
    message: `Cannot keep results in "${f.folder}": other files are there, and it has no mark of a store`,
    next: 'name a folder that is empty, or does not exist yet, with TROVESTACK_STORE',
  }),
  'unknown-key': (f: {name: string; folder: string; known: readonly string[]}): Words => ({
    message: `Cannot sign with the key "${f.name}": there is none of this name in "${f.folder}"`,
    details: {known: f.known.join(', ') || 'none yet'},
    next: `trovestack key new ${f.name}`,
  }),
  'unusable-key': (f: {path: string; problem: string; next?: string}): Words => ({
    message: `Cannot use the key "${f.path}": ${f.problem}`,
    ...(f.next ? {next: f.next} : {}),
  }),
  'not-signable': (f: {file: string; problem: string}): Words => ({
    message: `Cannot sign "${f.file}": ${f.problem}`,
    next: 'build it with trovestack image build DATASTORE',
  }),
  'image-too-small': (f: {what: string; neededBytes: number; availableBytes: number}): Words => ({
    message: `Cannot make the disk: ${f.what} needs ${mebibytes(f.neededBytes)}, and has ${mebibytes(f.availableBytes)}`,
    next: 'ask for a larger disk (--image-size GIB), or give the partition a larger size in the block device configuration',
  }),
  'no-such-image': (f: {asked: string; known: readonly string[]}): Words => ({
    message: `Cannot build ${f.asked}: the catalogue has no such row`,
    details: {known: f.known.join(', ')},
    next: 'trovestack catalog list',
  }),
} as const;

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** `file:line:column` → what is wrong there, then the line at fault with the text meant underlined. */
function problemsByPlace(problems: readonly FileProblem[]): Record<string, string> {
  const places: Record<string, string> = {};
  for (const problem of problems) {
    const place = `${problem.path}:${problem.line}:${problem.column}`;
    const before = places[place];
    const underline = `${problem.lineText}\n${' '.repeat(problem.column - 1)}${'^'.repeat(problem.length)}`;
    places[place] = before ? `${problem.message}\n${before}` : `${problem.message}\n${underline}`;
  }
  return places;
}
