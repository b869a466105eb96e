import {spawnSync} from 'node:child_process';
import {describe, expect, test} from 'vitest';
import {home, runTrovestack} from '../rig/trovestack.js';

describe('command line', () => {
  test('help names every noun and says where to start', async () => {
    const {exitCode, stdout} = await runTrovestack(['--help']);
    expect(exitCode).toBe(0);
    for (const word of ['image', 'devcloud', 'catalog', 'quickstart', 'doctor', 'Start here'])
      expect(stdout).toContain(word);
  });

  test('every command has help of its own', async () => {
    const {stdout: script} = await runTrovestack(['completion']);
    const commands = [...script.matchAll(/^ {4}'([a-z -]+)'\) words='([^']*)'/gm)];
    const leaves = commands.filter(([, , words]) => words?.includes('--output')).map(([, prefix]) => prefix ?? '');
    expect(leaves.length).toBeGreaterThan(10);
    for (const leaf of leaves) {
      const {exitCode, stdout} = await runTrovestack([...leaf.split(' '), '--help']);
      expect({leaf, exitCode}).toEqual({leaf, exitCode: 0});
      expect(stdout).toMatch(/^Usage: /);
    }
  });

  test('a word that is no command is refused with the nearest, exit 2, and no stack trace', async () => {
    const {exitCode, stderr} = await runTrovestack(['quickstrat']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("error bad-usage: Unknown command 'quickstrat' (Did you mean quickstart?)");
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('an unknown option is refused, exit 2', async () => {
    expect(await runTrovestack(['image', 'build', 'mariadb', '--fast'])).toMatchObject({exitCode: 2, stdout: ''});
  });

  test('an unknown datastore is refused with the nearest name', async () => {
    const {exitCode, stderr} = await runTrovestack(['image', 'build', 'mariabd']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error unknown-datastore');
    expect(stderr).toContain('nearest  mariadb');
  });

  test('an unknown version is refused with those there are', async () => {
    const {exitCode, stderr} = await runTrovestack(['image', 'build', 'mariadb:1.2']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('11.8');
  });

  test('an error is one JSON value on stdout when JSON is asked for', async () => {
    const {exitCode, stdout} = await runTrovestack(['image', 'build', 'nosuch', '--output', 'json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({error: {class: 'usage', code: 'unknown-datastore'}});
  });

  test('doctor looks at this machine', async () => {
    const {stdout} = await runTrovestack(['doctor', '--output', 'json']);
    const report = JSON.parse(stdout) as {findings: {name: string; state: string}[]};
    expect(report.findings.map(({name}) => name)).toContain('user namespaces');
  });

  test('the completion is valid bash and completes nouns and verbs', async () => {
    const {stdout} = await runTrovestack(['completion']);
    const ask = `${stdout}\nCOMP_WORDS=(trovestack image bui); COMP_CWORD=2; _trovestack; echo "\${COMPREPLY[@]}"`;
    expect(spawnSync('bash', ['-c', ask], {encoding: 'utf8'}).stdout.trim()).toBe('build');
  });

  test("the blueprint's three commands are the image verbs by other names", () => {
    for (const [name, usage] of [
      ['trove-image-builder', 'trovestack image build'],
      ['load-trove-image', 'trovestack image load'],
      ['activate-trove-image', 'trovestack image activate'],
    ]) {
      const run = spawnSync(process.execPath, [`${home}/bin/${name}.js`, '--help'], {encoding: 'utf8'});
      expect(run.stdout).toContain(`Usage: ${usage}`);
    }
  });
});
