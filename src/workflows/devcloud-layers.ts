import {mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {
  debianSourceLines,
  describeEnd,
  findDebianMirrors,
  HostError,
  isDiskFull,
  lastLines,
  type Outcome,
  run,
  runOrThrow,
  type Sha256,
  type World,
} from '../base/index.js';
import {
  type CloudSeries,
  defaultCloudSeries,
  initialisationPlan,
  layerPackages,
  leftOut,
  makeInstanceFolder,
  newSecrets,
  notFrozen,
  type Profile,
  packagesKey,
  startSupervisor,
  stateKey,
} from '../devcloud/index.js';
import {borrowDebs, Store, type WorkFolder} from '../store/index.js';
import {isMirrorTrouble} from './package-trouble.js';
import {proxies} from './tools-root.js';

/** Where layers are made. */
interface Site {
  readonly store: Store;
  readonly work: WorkFolder;
  readonly world: World;
  readonly series: CloudSeries;
  /** This repository's devcloud/. */
  readonly programs: string;
}

/** A layer to find or make. */
interface Layer {
  readonly step: string;
  readonly key: Sha256;
  /** Makes `<staged>/tree`. */
  readonly make: (staged: string, site: Site) => Promise<void>;
}

/** The layers that a new devcloud of a profile stands on, from the store or made now.
 * @returns Their folders, topmost first.
 * @throws {HostError} `mirror-unreachable`, `command-failed`, `disk-full`, `missing-tool`, `devcloud-not-ready`
 */
export async function ensureDevcloudLayers(profile: Profile, series: CloudSeries, world: World): Promise<string[]> {
  const store = await Store.open(world.paths.store, world.emit);
  await using work = await store.openWork(world.signal);
  const site = {store, work, world, series, programs: `${world.paths.home}/devcloud`};
  const layers = [await ensureLayer(basePackages(series), site)];
  if (profile === 'full') layers.unshift(await ensureLayer(addedPackages(layers, series), site));
  return [await ensureLayer(await initialisedState(profile, layers, site), site), ...layers];
}

async function ensureLayer(layer: Layer, site: Site): Promise<string> {
  const {store, world} = site;
  const known = await store.find('roots', layer.key);
  if (known) {
    world.emit({type: 'step reused', step: layer.step});
    return `${known.folder}/tree`;
  }
  await using _lock = await store.lock(layer.key, `the layer "${layer.step}"`, world.signal);
  const madeMeanwhile = await store.find('roots', layer.key);
  if (madeMeanwhile) return `${madeMeanwhile.folder}/tree`;

  const reason = 'not built before';
  world.emit({type: 'step started', step: layer.step, reason});
  const startedAt = performance.now();
  const staged = await site.work.newFolder();
  await layer.make(staged, site);
  const result = await store.commit('roots', layer.key, staged, {step: layer.step});
  world.emit({type: 'step finished', step: layer.step, reason, durationMs: performance.now() - startedAt});
  return `${result.folder}/tree`;
}

/** Namespaces that take every mount and process of a package installation with them, however it ends. */
const apart = [
  'unshare',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--propagation',
  'private',
  '--',
];

function basePackages(series: CloudSeries): Layer {
  const {release} = series;
  return {
    step: layerName('packages-api', series),
    key: packagesKey('api', series),
    async make(staged, site) {
      const debs = await borrowDebs(site.store, site.work, async () => {});
      const sources = debianSourceLines(release, await findDebianMirrors(site.world.env));
      await install('packages-api', site, [
        ...['mmdebstrap', '--mode=root', '--variant=minbase', '--format=directory'],
        '--skip=cleanup/apt/cache,download/empty',
        `--include=${layerPackages.api.join(',')}`,
        ...leftOut.map((glob) => `--dpkgopt=path-exclude=${glob}`),
        '--dpkgopt=force-unsafe-io',
        '--dpkgopt=force-confold',
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        `--setup-hook=mkdir -p "$1/var/cache/apt/archives" && mount --bind '${debs.folder}' "$1/var/cache/apt/archives"`,
        '--customize-hook=umount "$1/var/cache/apt/archives"',
        ...[release, `${staged}/tree`, ...sources],
      ]);
      await debs.giveBack();
    },
  };
}

function addedPackages(below: readonly string[], series: CloudSeries): Layer {
  return {
    step: layerName('packages-full', series),
    key: packagesKey('full', series),
    async make(staged, site) {
      const debs = await borrowDebs(site.store, site.work, async () => {});
      const scratch = await site.work.newFolder();
      for (const folder of [`${staged}/tree`, `${scratch}/work`, `${scratch}/root`]) await mkdir(folder);
      await install('packages-full', site, [
        ...['sh', `${site.programs}/install-packages.sh`, `${scratch}/root`, below.join(':')],
        ...[`${staged}/tree`, `${scratch}/work`, debs.folder, ...layerPackages.full],
      ]);
      await debs.giveBack();
    },
  };
}

/** Of the default series without its name. */
function layerName(name: string, series: CloudSeries): string {
  return `devcloud/${name}${series.name === defaultCloudSeries ? '' : `-${series.name}`}`;
}

async function install(name: string, site: Site, argv: readonly string[]): Promise<void> {
  const {world, store} = site;
  await mkdir(store.logFolder('devcloud'), {recursive: true});
  const logFile = `${store.logFolder('devcloud')}/${name}.log`;
  const outcome = await run([...apart, ...argv], {
    env: {PATH: world.env.PATH, HOME: '/root', LC_ALL: 'C.UTF-8', ...proxies(world)},
    signal: world.signal,
    diesWithUs: true,
    logFile,
    onLine: (line) => world.emit({type: 'output', source: name, line}),
  });
  if (outcome.exitCode !== 0) throw installError(name, outcome, logFile, store.folder);
}

function installError(name: string, outcome: Outcome, log: string, store: string): HostError {
  const doing = `the devcloud's layer "${name}"`;
  const output = lastLines(outcome.stderr, 15);
  if (isDiskFull(output)) return new HostError('disk-full', {doing, path: store});
  if (isMirrorTrouble(outcome.stderr)) return new HostError('mirror-unreachable', {doing, log});
  if (/failed to execute mmdebstrap/.test(output)) {
    return new HostError('missing-tool', {
      tool: 'mmdebstrap',
      why: 'it makes the first root file system',
      install: 'apt-get install mmdebstrap',
    });
  }
  return new HostError('command-failed', {doing, command: name, outcome: describeEnd(outcome), output});
}

/** Databases, users and endpoints, made once by running the services for it, and frozen when they have stopped. */
async function initialisedState(profile: Profile, below: readonly string[], site: Site): Promise<Layer> {
  return {
    step: layerName(`state-${profile}`, site.series),
    key: stateKey(profile, site.series, await readScripts(site.programs)),
    async make(staged, {work, world, series, programs}) {
      const folder = await work.newFolder();
      await makeInstanceFolder(folder);
      const logFile = `${folder}/supervisor.log`;
      const root = {layers: below, folder, programs, logFile, accelerator: 'qemu' as const};
      await using supervisor = await startSupervisor(root);
      supervisor.send(initialisationPlan(profile, series, newSecrets()));
      if ((await supervisor.ended(world.signal)) !== 0) throw await initialisationError(profile, folder);
      for (const path of notFrozen) await rm(`${folder}/upper/${path}`, {recursive: true, force: true});
      await runOrThrow('keeping the initialised state', ['mv', `${folder}/upper`, `${staged}/tree`]);
    },
  };
}

async function readScripts(programs: string): Promise<Record<string, string>> {
  const names = (await readdir(`${programs}/inside`)).filter((name) => /\.(py|sh)$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(`${programs}/inside/${name}`, 'utf8')));
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? '']));
}

async function initialisationError(profile: Profile, folder: string): Promise<HostError> {
  const log = await readFile(`${folder}/supervisor.log`, 'utf8');
  const task = /"event": "failed".*"tasks": \["([^"]+)"/.exec(log)?.[1];
  const said = task ? await readFile(`${folder}/upper/var/log/trovestack/${task}.log`, 'utf8') : log;
  const what = task ?? 'supervisor';
  return new HostError('devcloud-not-ready', {
    name: `state-${profile}`,
    what,
    problem: 'it failed',
    said: lastLines(said, 15),
  });
}
