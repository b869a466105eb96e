import {mkdir, rm, rmdir, writeFile} from 'node:fs/promises';
import {constants} from 'node:os';
import type {Deb} from '../archive/index.js';
import {
  describeEnd,
  HostError,
  isDiskFull,
  kindWithin,
  lastLines,
  memoryKills,
  type Outcome,
  readFileWithin,
  StepError,
  systemErrorCode,
  type World,
} from '../base/index.js';
import {sourcesElement} from '../element/index.js';
import type {LockedSource} from '../lock/index.js';
import type {Step} from '../plan/index.js';
import {enter, type Mount, ownByNamespace, type SandboxSpec} from '../sandbox/index.js';
import {removeTree} from '../store/index.js';
import {type AptIndexes, dropIndexes, type IndexLayer} from './apt-indexes.js';
import type {BuildPackages} from './build-packages.js';
import {hookPlaces, hookRunner, neutralVariables, stepEnvironment} from './hook-environment.js';
import type {LentPackages} from './lend-packages.js';
import {isMirrorTrouble, isPackageUnknown} from './package-trouble.js';
import {openAskedShell, openShell} from './step-shell.js';
import {proxies, readResolver, resolverMounts, type ToolsRoot} from './tools-root.js';
import type {BuildConditions, Workshop} from './workshop.js';

/** What a step left: layers of the tree and of the hooks' folder, below `<result>/target/tree` and `<result>/hooks/tree`. */
export interface StepFacts {
  readonly step: string;
  readonly changesTree: boolean;
  readonly changesHooks: boolean;
  /** Package files that its apt took. */
  readonly packages: readonly Deb[];
}

/** A tree as far as it is built; layers have the top one first. */
export interface TreeSoFar {
  /** Of the last step's result; absent before the first. */
  readonly instance?: string;
  readonly layers: readonly string[];
  readonly hookLayers: readonly string[];
  readonly epoch: number;
}

/** What all steps of a tree share. */
export interface StepContext {
  readonly workshop: Workshop;
  readonly tools: ToolsRoot;
  readonly packages: BuildPackages;
  readonly indexes: AptIndexes;
  readonly world: World;
  /** Of the tree, for messages. */
  readonly image: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly imageVariables: Readonly<Record<string, string>>;
  /** As the hooks of source-repositories are to fetch them. */
  readonly sources: readonly LockedSource[];
  /** Folder of `answeredPrograms`. */
  readonly answered: string;
  readonly logFolder: string;
  /** Where shells are asked for. */
  readonly shells: readonly NonNullable<BuildConditions['shellAt']>[];
  /** Folder of all elements, each in its own. */
  readonly elements: string;
  /** An empty folder: the tree before the first step. */
  readonly nothing: string;
}

/** Runs a hook or a script of the engine's on top of a tree.
 * @param staged Empty folder that becomes the result.
 * @returns What it printed to standard output.
 * @throws {StepError} `hook-failed`, `step-failed`
 * @throws {HostError} `mirror-unreachable`, `disk-full`
 */
export async function runInTree(
  step: Step,
  argv: readonly string[],
  tree: TreeSoFar,
  staged: string,
  context: StepContext,
  extraMounts: readonly Mount[] = [],
): Promise<string> {
  const {workshop, world, packages} = context;
  await using lent = step.reach !== 'none' ? await packages.lend() : undefined;
  const indexes: IndexLayer = lent ? await context.indexes.for(tree.layers) : {};
  const seen = indexes.folder === undefined ? tree : {...tree, layers: [indexes.folder, ...tree.layers]};
  const spec =
    step.place === 'inside'
      ? insideSpec(step, argv, seen, staged, context, lent)
      : await outsideSpec(step, argv, seen, staged, context, lent);
  const hasSystem = tree.layers.length > 0;
  const resolver = hasNetwork(step, context) && hasSystem ? await lendResolver(`${staged}/target`) : undefined;
  const logFile = `${context.logFolder}/${step.id.replaceAll('/', '.')}.log`;
  await rm(logFile, {force: true});
  const given = await givenSources(step, context);
  const sandbox = {
    ...spec,
    mounts: [...spec.mounts, ...extraMounts, ...given.mounts],
    env: {...spec.env, ...given.env},
  };
  await openAskedShell(step, 'before', sandbox, context.shells, workshop, world);
  const killsBefore = await memoryKills();
  const outcome = await enter(sandbox, workshop.sandboxes, {
    signal: world.signal,
    timeoutMs: workshop.conditions.hookTimeoutMs,
    logFile,
    onLine: (line) => world.emit({type: 'output', source: step.id, line}),
  });
  if (outcome.exitCode !== 0) {
    if (workshop.conditions.shellOnError) await openShell(step, 'after', sandbox, workshop, world);
    const isOutOfMemory = outcome.exitCode === exitCodeOfKilled && (await memoryKills()) > killsBefore;
    const trouble = lent?.trouble(`step ${step.id} of image "${context.image}"`);
    const printed = `${outcome.stdout}\n${outcome.stderr}`;
    const gone = packages.sources.gone(printed, context.sources);
    const lacking = isPackageUnknown(printed) ? indexes.trouble : undefined;
    throw trouble ?? lacking ?? gone ?? stepError(step, outcome, logFile, context, isOutOfMemory);
  }
  await openAskedShell(step, 'after', sandbox, context.shells, workshop, world);
  if (lent) packages.keepTaken(step.id, await lent.taken(context.tools.tree));
  await resolver?.takeBack();
  await removeTraces(step, staged);
  return outcome.stdout;
}

async function givenSources(
  {work}: Step,
  {packages, sources}: StepContext,
): Promise<{readonly env: Readonly<Record<string, string>>; readonly mounts: readonly Mount[]}> {
  if (work.kind !== 'hook' || work.element !== sourcesElement) return {env: {}, mounts: []};
  const {env, files} = await packages.sources.lend(sources);
  return {env, mounts: files.map((file) => ({kind: 'bind', ...file, readOnly: true}))};
}

const exitCodeOfKilled = 128 + constants.signals.SIGKILL;

/** The command line of a hook, as its place sees it. Bash whose input is a socket, as Node's pipes are, would read
 * ~/.bashrc unless told not to. */
export function hookArguments(phase: string, name: string, place: Step['place']): string[] {
  const hooks = place === 'inside' ? hookPlaces.hooksInside : hookPlaces.hooks;
  return ['bash', '--norc', '-c', hookRunner, 'hook', hooks, `${phase}/${name}`];
}

function insideSpec(
  step: Step,
  argv: readonly string[],
  tree: TreeSoFar,
  staged: string,
  context: StepContext,
  lent: LentPackages | undefined,
): SandboxSpec {
  const hooks = {layers: tree.hookLayers, changes: 'none'} as const;
  return {
    name: 'image',
    root: {layers: tree.layers, changes: {keptIn: `${staged}/target`}},
    mounts: [
      {kind: 'tree', at: hookPlaces.hooksInside, tree: hooks},
      ...(lent ? [...lent.mounts(''), archivesMount('/var/cache/apt/archives', lent)] : []),
    ],
    network: hasNetwork(step, context) ? 'host' : 'none',
    ids: 'mapped',
    env: {...environmentOf(step, tree, context), ...lent?.env},
    cwd: '/',
    argv,
  };
}

async function outsideSpec(
  step: Step,
  argv: readonly string[],
  tree: TreeSoFar,
  staged: string,
  context: StepContext,
  lent: LentPackages | undefined,
): Promise<SandboxSpec> {
  const layers = tree.layers.length > 0 ? tree.layers : [context.nothing];
  return {
    name: 'tools',
    root: context.tools.tree,
    mounts: [
      {kind: 'tree', at: hookPlaces.target, tree: {layers, changes: {keptIn: `${staged}/target`}}},
      {kind: 'tree', at: hookPlaces.hooks, tree: {layers: tree.hookLayers, changes: {keptIn: `${staged}/hooks`}}},
      {kind: 'bind', at: hookPlaces.elements, from: context.elements, readOnly: true},
      {kind: 'bind', at: '/usr/local/lib/answered', from: context.answered, readOnly: true},
      ...(lent ? [...lent.mounts(''), ...lent.methodMounts(), archivesMount(hookPlaces.debs, lent)] : []),
      // For an apt that a hook runs in the tree by chroot(8).
      ...(lent && tree.layers.length > 0 ? lent.mounts(hookPlaces.target) : []),
      ...(hasNetwork(step, context) ? await resolverMounts() : []),
    ],
    network: hasNetwork(step, context) ? 'host' : 'none',
    ids: 'mapped',
    env: {...environmentOf(step, tree, context), ...(tree.layers.length > 0 ? lent?.env : {})},
    cwd: '/',
    argv,
  };
}

function hasNetwork(step: Step, {packages}: StepContext): boolean {
  return step.reach === 'full' && !packages.isOffline;
}

function archivesMount(at: string, {archives}: LentPackages): Mount {
  return {kind: 'bind', at, from: archives, readOnly: false};
}

function environmentOf(step: Step, tree: TreeSoFar, context: StepContext): Record<string, string> {
  const isBaseRoot = step.work.kind === 'hook' && step.work.phase === 'root.d';
  const ofImage = isBaseRoot ? neutralVariables : context.imageVariables;
  return stepEnvironment(
    step.place,
    {...context.variables, ...ofImage},
    {
      epoch: tree.epoch,
      proxies: hasNetwork(step, context) ? proxies(context.world) : {},
    },
  );
}

/** Puts this machine's resolver configuration into a tree for one step. A plain file, not a mount, since hooks replace it.
 * @param changes The folder that the step's changes go to.
 */
async function lendResolver(changes: string): Promise<{takeBack(): Promise<void>} | undefined> {
  const text = await readResolver();
  if (text === undefined) return undefined;
  const copy = `${changes}/tree/etc/resolv.conf`;
  for (const folder of [`${changes}/tree`, `${changes}/tree/etc`]) {
    await mkdir(folder, {recursive: true});
    await ownByNamespace(folder);
  }
  await writeFile(copy, text);
  await ownByNamespace(copy);
  return {
    async takeBack() {
      const now = await readFileWithin(`${changes}/tree`, 'etc/resolv.conf'); // a link, or nothing: the hook's own doing
      if (now === text) await rm(copy);
    },
  };
}

/** Overlayfs' own folders, apt's indexes, and mount points that were made in the image for the step. */
async function removeTraces(step: Step, staged: string): Promise<void> {
  await removeTree(`${staged}/target/work`, `${staged}/hooks/work`);
  const root = `${staged}/target/tree`;
  await dropIndexes(root);
  if (step.place !== 'inside') return;
  for (const folder of ['tmp/in_target.d', 'tmp/trovestack-packages', 'tmp', 'etc']) {
    if ((await kindWithin(root, folder)) === 'folder') await removeIfEmpty(`${root}/${folder}`);
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'ENOTDIR') throw error;
  }
}

function stepError(
  step: Step,
  outcome: Outcome,
  log: string,
  context: StepContext,
  isOutOfMemory: boolean,
): StepError | HostError {
  const printed = `${outcome.stdout}\n${outcome.stderr}`;
  const doing = `step ${step.id} of image "${context.image}"`;
  if (isOutOfMemory) return new HostError('out-of-memory', {doing, log});
  if (isDiskFull(printed)) {
    return new HostError('disk-full', {doing, path: context.workshop.store.folder});
  }
  if (step.reach !== 'none' && isMirrorTrouble(printed)) return new HostError('mirror-unreachable', {doing, log});
  const said = outcome.timedOut ? [outcome.stdout, outcome.stderr].join('') : outcome.stderr || outcome.stdout;
  const output = lastLines(said, 15);
  const minutes = context.workshop.conditions.hookTimeoutMs / 60_000;
  const end = outcome.timedOut ? `did not end within ${minutes} minutes and was ended` : describeEnd(outcome);
  const next = outcome.timedOut
    ? {next: `mend what it waits for, or give it more time: --hook-timeout ${Math.ceil(2 * minutes)}`}
    : {next: `the same command with --shell-at ${step.id}`};
  const {work} = step;
  if (work.kind !== 'hook') {
    return new StepError('step-failed', {
      image: context.image,
      step: step.id,
      outcome: end,
      log,
      output,
      ...next,
    });
  }
  return new StepError('hook-failed', {
    image: context.image,
    element: work.element,
    phase: work.phase,
    hook: work.name,
    outcome: end,
    log,
    output,
    ...next,
  });
}

/** Writes a file into a step's changes, as the image's root. Its folders are made with the usual mode.
 * @param path Absolute in the image.
 */
export async function writeIntoTree(staged: string, path: string, text: string): Promise<void> {
  const root = `${staged}/target/tree`;
  await mkdir(root, {recursive: true});
  let folder = '';
  for (const name of path.split('/').slice(1, -1)) {
    folder += `/${name}`;
    if ((await kindWithin(root, folder)) === 'folder') continue;
    await rm(`${root}${folder}`, {force: true}); // a link of the step's own making leads out of the tree
    await mkdir(`${root}${folder}`);
    await ownByNamespace(`${root}${folder}`);
  }
  await rm(`${root}${path}`, {force: true});
  await writeFile(`${root}${path}`, text, {flag: 'wx'});
  await ownByNamespace(`${root}${path}`);
}
