// The figures of docs/benchmarks.md, measured on this machine with the real command. As root; nothing else should run beside it.
//   node bench/first-light.mjs             what is warm: help, a build with nothing changed, devcloud up, a cached quickstart
//   node bench/first-light.mjs --cold      also from an empty store: quickstart, and a build with warm packages (25 min)
import {spawn} from 'node:child_process';
import {cpSync, existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const program = join(home, 'bin/trovestack.js');
const disk = process.env.TROVESTACK_TEST_DISK ?? '/var/tmp';
const isCold = process.argv.includes('--cold');
const name = 'bench';
const node = process.execPath;
const rows = [];

const work = mkdtempSync(join(disk, 'trovestack-bench-'));
const env = {...process.env, TROVESTACK_STATE: join(work, 'state')};
if (isCold) env.TROVESTACK_STORE = join(work, 'store');

try {
  await paired('trovestack --help', [node, program, '--help'], 'node -e 0', [node, '-e', '0']);
  await paired('./trovestack --version', [join(home, 'trovestack'), '--version'], 'without the setup script', [
    node,
    program,
    '--version',
  ]);
  if (isCold) {
    const first = await timed('quickstart, cold', ['quickstart', '--name', name, '--output', 'json']);
    stages(first.json);
    await timed('quickstart, everything there', ['quickstart', '--name', name, '--output', 'json']);
    await trovestack(['devcloud', 'destroy', '--name', name]);
    await warmPackagesBuild();
  } else {
    await trovestack(['image', 'build', 'mariadb', '--output-file', join(work, 'image.qcow2')]);
  }
  await timed('image build, nothing changed', [
    'image',
    'build',
    'mariadb',
    '--output-file',
    join(work, 'image.qcow2'),
  ]);
  const second = await timed('quickstart, everything cached, new cloud', [
    'quickstart',
    '--name',
    name,
    '--output',
    'json',
  ]);
  stages(second.json);
  await trovestack(['devcloud', 'down', '--name', name]);
  await timed('devcloud up, full, warm', ['devcloud', 'up', '--name', name]);
} finally {
  await trovestack(['devcloud', 'destroy', '--name', name]).catch((error) => console.error(String(error)));
  rmSync(work, {recursive: true, force: true});
}
console.log('| What | Seconds |\n|---|---|');
for (const [what, figure] of rows) console.log(`| ${what} | ${figure} |`);

/** A build from an empty store that has the packages alone. */
async function warmPackagesBuild() {
  const store = join(work, 'packages-only');
  const debs = join(env.TROVESTACK_STORE, 'debs');
  if (!existsSync(debs)) throw new Error(`no packages at ${debs}`);
  cpSync(debs, join(store, 'debs'), {recursive: true});
  writeFileSync(join(store, '.trovestack-store'), '');
  const args = ['image', 'build', 'mariadb', '--output-file', join(work, 'cold.qcow2')];
  await timed('image build, cold, warm package cache', args, {...env, TROVESTACK_STORE: store});
}

function stages({stages: reports}) {
  for (const {stage, durationMs, reused} of reports)
    rows.push([`— ${stage}${reused ? ` (${reused})` : ''}`, (durationMs / 1000).toFixed(1)]);
}

async function timed(what, args, environment = env) {
  const start = performance.now();
  const stdout = await trovestack(args, environment);
  rows.push([what, ((performance.now() - start) / 1000).toFixed(1)]);
  return {json: args.includes('json') ? JSON.parse(stdout) : undefined};
}

/** Ten runs of each in turn; medians, and the median of the pairs' ratios. */
async function paired(what, argsA, other, argsB) {
  const pairs = [];
  for (let i = 0; i < 11; i++) {
    const a = await duration(argsA);
    const b = await duration(argsB);
    if (i > 0) pairs.push({a, b, ratio: a / b});
  }
  const median = (key) => pairs.map((pair) => pair[key]).sort((x, y) => x - y)[Math.floor(pairs.length / 2)];
  rows.push([
    `${what} (${other}: ${(median('b') / 1000).toFixed(3)}; ratio ${median('ratio').toFixed(2)})`,
    (median('a') / 1000).toFixed(3),
  ]);
}

async function duration(args) {
  const start = performance.now();
  await run(args, env);
  return performance.now() - start;
}

function trovestack(args, environment = env) {
  return run([node, program, ...args], environment);
}

function run([command, ...args], environment) {
  return new Promise((resolve, reject) => {
    const isOurs = args[0] === program && args[1] !== '--help';
    const child = spawn(command, args, {
      cwd: tmpdir(),
      env: environment,
      stdio: ['ignore', 'pipe', isOurs ? 'inherit' : 'ignore'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(stdout) : reject(new Error(`${args.join(' ')} exited with ${code}`)),
    );
  });
}
