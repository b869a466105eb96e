import {describe, expect, test} from 'vitest';
import {planSandbox, quote, type SandboxSpec} from './spec.js';

const places = {store: '/store', work: '/store/work/1/2'};
const spec: SandboxSpec = {
  name: 'test',
  root: {layers: ['/store/roots/a/tree', '/store/roots/b/tree'], changes: 'discarded'},
  mounts: [],
  network: 'none',
  ids: 'mapped',
  env: {NAME: "it's"},
  cwd: '/tmp',
  argv: ['echo', 'a b'],
};

describe('a sandbox', () => {
  test('has its layers by short names, the top one first, and its changes in its work folder', () => {
    const {script, trees} = planSandbox(spec, places);
    expect(script).toContain('cd /mnt/work/1/2/layers/0\n');
    expect(script).toContain('lowerdir=0:1,upperdir=/mnt/work/1/2/changes/0/tree,workdir=/mnt/work/1/2/changes/0/work');
    expect(trees).toEqual([{links: '/store/work/1/2/layers/0', tree: spec.root, changes: '/store/work/1/2/changes/0'}]);
  });

  test('holds more than a hundred layers in one page of options', () => {
    const layers = Array.from({length: 150}, (_, i) => `/store/steps/${'0'.repeat(60)}${i}/tree`);
    const {script} = planSandbox({...spec, root: {layers, changes: 'discarded'}}, places);
    const line = script.split('\n').find((l) => l.startsWith('mount -t overlay')) ?? '';
    expect(line.length).toBeLessThan(1024);
  });

  test('binds what lies outside the store before ids change, and what lies in it by its place inside', () => {
    const mounts = [
      {kind: 'bind', at: '/disk', from: '/images/disk.qcow2', readOnly: true},
      {kind: 'bind', at: '/out', from: '/store/work/1/3', readOnly: false},
    ] as const;
    const {hostBinds, script} = planSandbox({...spec, mounts}, places);
    expect(hostBinds).toEqual([{from: '/images/disk.qcow2', to: '/store/work/1/2/host/0', readOnly: true}]);
    expect(script).toContain('mount --bind /mnt/work/1/2/host/0 /mnt/work/1/2/root/disk\nmount -o remount,bind,ro');
    expect(script).toContain('mount --bind /mnt/work/1/3 /mnt/work/1/2/root/out\n');
  });

  test('runs its program in its own environment, quoted', () => {
    const lines = planSandbox(spec, places).script.split('\n').slice(-5);
    expect(lines).toEqual([
      'cd /tmp',
      `export NAME='it'\\''s'`,
      'trap - EXIT',
      `env -u LIBMOUNT_FORCE_MOUNT2 -u OLDPWD -u PWD -u SHLVL -u _ echo 'a b' || exit $?`,
      'exit 0',
    ]);
  });
});

describe('quoting', () => {
  test('leaves plain words alone', () => {
    expect(['a-b/c.d', '', '$x', "'"].map(quote)).toEqual(['a-b/c.d', "''", "'$x'", "''\\'''"]);
  });
});
