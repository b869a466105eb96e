// All the tests, in one run: the gate's checks, unit, integration, end to end.
//   node tools/test.mjs                  everything that runs by default
//   node tools/test.mjs --all            also what takes long (tests/long)
//   node tools/test.mjs --only unit      one part: checks, unit, integration, e2e, long
//   node tools/test.mjs --empty-store    starts from a store of its own, which is removed afterwards
// Ends with the line "N passed, N failed[, N skipped]".
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const home = fileURLToPath(new URL('..', import.meta.url));
const {values: options} = parseArgs({
  options: {
    all: {type: 'boolean', default: false},
    only: {type: 'string'},
    'empty-store': {type: 'boolean', default: false},
  },
});
const checks = ['lint', 'types', 'map:check', 'dead', 'reference:check'];
const parts = ['checks', 'unit', 'integration', 'e2e', ...(options.all ? ['long'] : [])];
if (options.only && ![...parts, 'long'].includes(options.only)) {
  console.error(
    `error bad-argument: Cannot run part "${options.only}": there are checks, unit, integration, e2e, long`,
  );
  process.exit(2);
}
const wanted = options.only ? [options.only] : parts;

const work = mkdtempSync(join(tmpdir(), 'trovestack-tests-'));
const storeParent = process.env.TROVESTACK_TEST_DISK ?? '/var/tmp';
const store = options['empty-store'] ? mkdtempSync(join(storeParent, 'trovestack-tests-store-')) : undefined;
const state = mkdtempSync(join(storeParent, 'trovestack-tests-state-'));
const env = {...process.env, TROVESTACK_STATE: state, ...(store ? {TROVESTACK_STORE: store} : {})};
const total = {passed: 0, failed: 0, skipped: 0};

let isStopped = false;
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => {
    isStopped = true; // a terminal's children get it too; the clean-up below still runs
  });
}

try {
  for (const part of wanted) {
    if (isStopped) break;
    if (part === 'checks') for (const check of checks) await runCheck(check);
    else await runVitest(part);
  }
} finally {
  rmSync(work, {recursive: true, force: true});
  const devclouds = join(state, 'devclouds');
  for (const name of existsSync(devclouds) ? readdirSync(devclouds) : []) {
    await exec(process.execPath, [join(home, 'bin/trovestack.js'), 'devcloud', 'destroy', '--name', name]);
  }
  for (const folder of [state, store]) if (folder) spawnSync('rm', ['-rf', '--one-file-system', folder]);
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
if (process.env.CI && total.skipped > 0) console.error('CI asks for every test: none may be skipped');
const isGood = total.failed === 0 && total.passed > 0 && !isStopped && !(process.env.CI && total.skipped > 0);
process.exitCode = isGood ? 0 : 1;

async function runCheck(name) {
  console.log(`— ${name}`);
  const code = await exec('npm', ['run', '--silent', name]);
  if (code === 0) total.passed++;
  else total.failed++;
}

async function runVitest(project) {
  console.log(`— ${project}`);
  const report = join(work, `${project}.json`);
  const code = await exec(process.execPath, [
    join(home, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    project,
    '--reporter=verbose',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  if (!existsSync(report)) {
    total.failed++;
    return;
  }
  const result = JSON.parse(readFileSync(report, 'utf8'));
  total.passed += result.numPassedTests;
  total.failed += result.numFailedTests;
  total.skipped += result.numPendingTests + result.numTodoTests;
  for (const file of result.testResults) {
    // A file that can't be loaded, or whose hooks fail, has no failed test of its own to count.
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) total.failed++;
    for (const test of file.assertionResults) if (test.status === 'pending') console.log(`  skipped: ${test.fullName}`);
  }
  if (code !== 0 && total.failed === 0) total.failed++;
}

function exec(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {cwd: home, env, stdio: ['ignore', 'inherit', 'inherit']});
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
