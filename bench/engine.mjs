// The build engine against diskimage-builder and against the bare tools, paired, as ratios. As root, on a Debian host with
// python3-diskimage-builder, debootstrap, mmdebstrap, qemu-utils; nothing else should run beside it.
//   node bench/engine.mjs [--rounds N] [--release NAME] [--caches FOLDER]     about 12 minutes a round
// Both sides have their packages already: what is timed is building, not downloading. A folder of caches is kept for the next
// run. diskimage-builder makes a disk without
// partitions (no element `vm`), which costs it less, since those need a device mapper that not every host has; ours has all.
import {spawn, spawnSync} from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {parse} from 'yaml';
import {debianSourceLines, findDebianMirrors} from '../dist/base/index.js';

const {values: options} = parseArgs({
  options: {
    rounds: {type: 'string', default: '1'},
    release: {type: 'string', default: 'trixie'},
    caches: {type: 'string'},
  },
});
const rounds = Number(options.rounds);
const {release} = options;
const home = fileURLToPath(new URL('..', import.meta.url));
const program = join(home, 'bin/trovestack.js');
const work = mkdtempSync(join(process.env.TROVESTACK_TEST_DISK ?? '/var/tmp', 'trovestack-bench-'));
const caches = options.caches ? resolve(options.caches) : work;
const mirrors = await findDebianMirrors(process.env);
const lines = debianSourceLines(release, mirrors);

const own = ['trove-debian', 'trove-guest', 'trove-docker', 'trove-guest-agent', 'trove-flight-recorder'];
const theirs = ['debian-minimal', 'cloud-init', 'cloud-init-datasources', 'growroot', 'openssh-server'];
const theirSettings = {DIB_CLOUD_INIT_DATASOURCES: 'ConfigDrive, OpenStack'};
/** One source for both sides: what diskimage-builder adds by itself need not be reachable. */
const sources = lines.map((line, index) => `bench-${index}:${line}`).join('\n');
const rows = [];

try {
  await main();
} finally {
  rmSync(work, {recursive: true, force: true});
}

async function main() {
  // Once, to fill the caches and to learn which packages our image has.
  const warm = join(caches, 'warm');
  mkdirSync(warm, {recursive: true});
  await ours(warm, own, 'first');
  const packages = lockedPackages('first');
  await ours(warm, theirs, 'first-theirs');
  const secondElements = store('second-elements');
  const second = store('second-elements/bench-postgresql');
  writeFileSync(join(second, 'package-installs.yaml'), 'postgresql:\n');
  writeFileSync(join(second, 'element-deps'), 'trove-guest\n');
  const secondSet = ['trove-debian', 'trove-guest', 'bench-postgresql'];
  await ours(warm, secondSet, 'first-second', secondElements);
  const secondPackages = lockedPackages('first-second');
  namePackages(warm);
  const marker = join(caches, 'dib-is-warm');
  if (!existsSync(marker)) {
    await dib(packages, ['debian-minimal'], 'first-dib');
    await dib([], theirs, 'first-dib-theirs');
    await dib(secondPackages, ['debian-minimal'], 'first-dib-second');
    writeFileSync(marker, '');
  }

  const samples = {};
  const put = (name, figure) => {
    samples[name] = [...(samples[name] ?? []), figure];
  };
  const add = (name, {seconds, peakMiB}) => {
    put(name, seconds);
    put(`${name} MiB`, peakMiB);
  };
  for (let round = 0; round < rounds; round++) {
    const cold = withoutSteps(warm, `cold-${round}`);
    add('own cold', await ours(cold, own, 'own'));
    add('dib cold', await dib(packages, ['debian-minimal'], 'dib'));
    add('bare', await bare(packages, 'bare'));
    add('theirs here', await ours(withoutSteps(warm, `theirs-${round}`), theirs, 'theirs'));
    add('theirs dib', await dib([], theirs, 'dib-theirs'));
    add('nothing changed', await ours(cold, own, 'own'));
    const elements = join(work, `elements-${round}`);
    cpSync(join(home, 'elements/trove-guest-agent'), join(elements, 'trove-guest-agent'), {recursive: true});
    const phase = join(elements, 'trove-guest-agent/post-install.d');
    const hook = join(phase, readdirSync(phase)[0]);
    writeFileSync(hook, `${readFileSync(hook, 'utf8')}\n# edited ${round}\n`);
    add('hook edited', await ours(cold, own, 'own', elements));
    const list = join(elements, 'trove-guest-agent/package-installs.yaml');
    writeFileSync(list, `${readFileSync(list, 'utf8')}\njq:\n`);
    add('package added', await ours(cold, own, 'own', elements));
    add('second datastore', await ours(cold, secondSet, 'second', secondElements));
    add('second dib', await dib(secondPackages, ['debian-minimal'], 'second-dib'));
  }
  const sizes = {
    own: size('own'),
    dib: size('dib'),
    bare: size('bare'),
    theirs: size('theirs'),
    'dib-theirs': size('dib-theirs'),
  };
  report(samples, sizes, packages.length);
}

function store(name) {
  const folder = join(work, name);
  mkdirSync(folder, {recursive: true});
  return folder;
}

/** A store with another's packages and tools, and no step or image. */
function withoutSteps(from, name) {
  const folder = store(name);
  for (const part of ['packages', 'roots', 'first-id', '.trovestack-store']) {
    if (existsSync(join(from, part))) demand('cp', ['-a', join(from, part), folder]);
  }
  mkdirSync(join(folder, 'builds'));
  for (const record of readdirSync(join(from, 'builds')).filter((file) => file.startsWith('tools-'))) {
    demand('cp', ['-a', join(from, 'builds', record), join(folder, 'builds')]);
  }
  return folder;
}

/** Puts the packages of a store, which go by digest there, into a folder by the names that apt knows them by. */
function namePackages(from) {
  const folder = store('named');
  for (const digest of readdirSync(join(from, 'packages'))) {
    const file = join(from, 'packages', digest);
    const format = '${Package}_${Version}_${Architecture}.deb';
    const {status, stdout} = spawnSync('dpkg-deb', ['-W', '--showformat', format, file], {encoding: 'utf8'});
    if (status === 0) cpSync(file, join(folder, stdout.replace(':', '%3a')));
  }
}

function size(name) {
  return statSync(join(work, `${name}.qcow2`)).size / 2 ** 20;
}

function ours(folder, elements, name, elementsPath = '') {
  const env = {
    ...process.env,
    ...theirSettings,
    TROVESTACK_STORE: folder,
    TROVESTACK_STATE: join(work, 'state'),
    ELEMENTS_PATH: elementsPath,
    DIB_RELEASE: release,
    DIB_APT_SOURCES_CONF: sources,
  };
  // Each build chooses anew, as diskimage-builder does.
  rmSync(join(work, `${name}.lock.yaml`), {force: true});
  const args = ['image', 'dib', '-n', '-t', 'qcow2', '-o', join(work, name), ...elements];
  return timed([process.execPath, program, ...args], {...env, OVERWRITE_OLD_IMAGE: '1'});
}

function dib(packages, elements, name) {
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    ...theirSettings,
    DIB_RELEASE: release,
    DIB_PYTHON_VERSION: '3',
    DIB_DISTRIBUTION_MIRROR: mirrors.archive,
    DIB_APT_SOURCES_CONF: sources,
    DIB_IMAGE_CACHE: join(caches, 'dib-cache'),
    TMP_DIR: store('dib-tmp'),
  };
  const list = packages.length > 0 ? ['-p', packages.join(',')] : [];
  const isolated = [join(home, 'tests/rig/own-devices.sh'), 'disk-image-create'];
  return timed([...isolated, '-n', '-t', 'qcow2', '-o', join(work, name), ...list, ...elements], env);
}

/** The same packages by the tools alone: the floor of what any builder can reach without layers. */
async function bare(packages, name) {
  const root = join(work, 'bare-root');
  const raw = join(work, `${name}.raw`);
  const script = `set -eu
    mmdebstrap --mode=root --variant=minbase --include="$1" --aptopt='Apt::Install-Recommends "false"' \
      --setup-hook='mkdir -p "$1/var/cache/apt/archives"; cp "${join(work, 'named')}"/*.deb "$1/var/cache/apt/archives/"' \
      --skip=cleanup/apt/cache ${release} "$2" ${lines.map((line) => `"${line}"`).join(' ')}
    rm -rf "$2"/var/cache/apt/archives/*
    truncate --size 4G "$3"
    mke2fs -q -t ext4 -F -d "$2" "$3"
    qemu-img convert -O qcow2 -c -o compression_type=zstd "$3" "$4"
    rm -rf "$2" "$3"`;
  const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8'};
  return timed(['sh', '-c', script, 'bare', packages.join(','), root, raw, join(work, `${name}.qcow2`)], env);
}

/** Every package of an image of ours, by its lock: the same set is what the other side is told to install. */
function lockedPackages(name) {
  const {packages} = parse(readFileSync(join(work, `${name}.lock.yaml`), 'utf8'));
  return packages.map((entry) => entry.name).sort();
}

function demand(command, args) {
  const {status, stderr} = spawnSync(command, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

function timed(argv, env) {
  return new Promise((resolve, reject) => {
    const log = [];
    let peakMiB = 0;
    const start = performance.now();
    const child = spawn(argv[0], argv.slice(1), {env, stdio: ['ignore', 'pipe', 'pipe']});
    const watch = setInterval(() => {
      const text = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : '';
      peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
    }, 100);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(watch);
      const seconds = (performance.now() - start) / 1000;
      const text = Buffer.concat(log).toString();
      console.error(`${seconds.toFixed(1)} s  ${argv.join(' ').slice(0, 140)}`);
      if (code === 0) resolve({seconds, peakMiB});
      else reject(new Error(`${argv.join(' ')}: exit ${code}\n${text.slice(-3000)}`));
    });
  });
}

function report(samples, sizes, packageCount) {
  const median = (name) => [...samples[name]].sort((a, b) => a - b)[Math.floor(samples[name].length / 2)];
  const row = (what, name, against, goal) => {
    const [mine, other] = [median(name), median(against)];
    rows.push([what, `${mine.toFixed(1)} s`, `${other.toFixed(1)} s`, (mine / other).toFixed(2), goal]);
  };
  row(
    `our elements, cold (${packageCount} packages), against DIB with the same packages`,
    'own cold',
    'dib cold',
    '≤ 0.55',
  );
  row('the same against mmdebstrap, mke2fs and qemu-img by hand', 'own cold', 'bare', '');
  row(`DIB's own elements (${theirs.join(' ')}), cold`, 'theirs here', 'theirs dib', '≤ 0.75');
  row('a hook of the guest agent edited', 'hook edited', 'dib cold', '≤ 0.15');
  row('a package added to the guest agent', 'package added', 'dib cold', '≤ 0.15');
  row('a second datastore on the same base', 'second datastore', 'second dib', '≤ 0.35');
  console.log(`rounds: ${rounds}, release: ${release}, medians\n`);
  console.log('| What | Ours | Other | Ratio | Goal |\n|---|---|---|---|---|');
  for (const cells of rows) console.log(`| ${cells.join(' | ')} |`);
  console.log(`| nothing changed | ${median('nothing changed').toFixed(1)} s | | | ≤ 1 s |`);
  console.log(
    `| size of the qcow2, our elements | ${sizes.own.toFixed(0)} MiB | ${sizes.dib.toFixed(0)} MiB | ${(sizes.own / sizes.dib).toFixed(2)} | ≤ 0.95 |`,
  );
  console.log(
    `| size of the qcow2, DIB's elements | ${sizes.theirs.toFixed(0)} MiB | ${sizes['dib-theirs'].toFixed(0)} MiB | ${(sizes.theirs / sizes['dib-theirs']).toFixed(2)} | ≤ 0.95 |`,
  );
  console.log(`| peak memory of our process, cold | ${median('own cold MiB').toFixed(0)} MiB | | | ≤ 250 MB |`);
}
