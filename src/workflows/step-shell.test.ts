import {describe, expect, test} from 'vitest';
import type {SandboxSpec} from '../sandbox/index.js';
import {parseShellAt, shellSpec} from './step-shell.js';

const spec: SandboxSpec = {
  name: 'tools',
  root: {layers: ['/tools'], changes: 'discarded'},
  mounts: [{kind: 'tree', at: '/target', tree: {layers: ['/base'], changes: {keptIn: '/staged/target'}}}],
  network: 'none',
  ids: 'mapped',
  env: {NAME: 'value'},
  cwd: '/',
  argv: ['sh', '-c', 'the hook'],
};

describe('a shell at a step', () => {
  test('is asked for by step and moment; before is the default', () => {
    expect(parseShellAt('a/install.d/10-a')).toEqual({step: 'a/install.d/10-a', moment: 'before'});
    expect(parseShellAt('a/install.d/10-a:after')).toEqual({step: 'a/install.d/10-a', moment: 'after'});
  });

  test('sees the tree as the step will, and keeps nothing', () => {
    const shell = shellSpec(spec, 'before', 'here');
    expect(shell.mounts).toEqual([{kind: 'tree', at: '/target', tree: {layers: ['/base'], changes: 'discarded'}}]);
    expect(shell).toMatchObject({env: {NAME: 'value'}, network: 'none', argv: ['bash', '--norc', '-i']});
  });

  test('after the step sees what it changed, below changes of its own', () => {
    const [mount] = shellSpec(spec, 'after', 'here').mounts;
    expect(mount).toMatchObject({tree: {layers: ['/staged/target/tree', '/base'], changes: 'discarded'}});
  });
});
