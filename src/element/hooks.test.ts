import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import type {Element, ElementFile} from './element.js';
import {compareHookNames, environmentFiles, forgottenHooks, hooksByPhase} from './hooks.js';

function element(name: string, paths: readonly string[]): Element {
  const files = paths.map((written): ElementFile => {
    const [path = '', flag] = written.split(' ');
    return {
      path,
      kind: flag === 'link' ? 'link' : 'file',
      isExecutable: flag?.startsWith('x') ?? false,
      sha256: sha256(path),
      isProgram: flag !== 'x-',
      readsHooks: false,
    };
  });
  return {name, folder: `/e/${name}`, summary: '', dependencies: [], provides: [], files, packages: []};
}

describe('hook names', () => {
  test('are in the order of sort -n under LC_ALL=C', () => {
    const names = ['10-b', 'zz', '9-x', '10-a', '02-y', '100-c', '10-B', 'aa'];
    expect(names.sort(compareHookNames)).toEqual(['aa', 'zz', '02-y', '9-x', '10-B', '10-a', '10-b', '100-c']);
  });
});

describe('hooks', () => {
  test('are executable files or links directly in a phase, with no dot in their names', () => {
    const read = [
      element('a', ['install.d/10-run x', 'install.d/20-data', 'install.d/30.sh x', 'install.d/40-link link']),
      element('b', [
        'install.d/05-first x',
        'install.d/source-install/10-x x',
        'finalise.d/99-last x',
        'other.d/10-no x',
      ]),
    ];
    const hooks = [...hooksByPhase(read)].flatMap(([phase, list]) =>
      list.map((hook) => `${phase} ${hook.element} ${hook.name}`),
    );
    expect(hooks).toEqual([
      'install.d b 05-first',
      'install.d a 10-run',
      'install.d a 40-link',
      'finalise.d b 99-last',
    ]);
  });

  test('of the same name in two elements are told all at once', () => {
    const read = [
      element('a', ['install.d/10-x x', 'static/etc/f']),
      element('b', ['install.d/10-x x', 'static/etc/f']),
    ];
    expect(() => hooksByPhase(read)).toThrow('2 clashes');
  });

  test('of environment.d need not be executable, and may have dots', () => {
    const read = [element('a', ['environment.d/50-late.bash', 'environment.d/5-early', 'environment.d/no~good'])];
    expect(environmentFiles(read).map(({name}) => name)).toEqual(['5-early', '50-late.bash']);
  });

  test('of an install type are in place by links, when install-types is there', () => {
    const paths = ['install.d/pip-source-install/04-pip x', 'install.d/pip-package-install/04-pip x'];
    const read = [element('pip', paths), element('install-types', [])];
    const linked = (env: Record<string, string>) =>
      (hooksByPhase(read, env).get('install.d') ?? []).map(({element: owner, name, linkedFrom}) => [
        owner,
        name,
        linkedFrom,
      ]);
    expect(linked({})).toEqual([['pip', '04-pip', 'pip-source-install/04-pip']]);
    expect(linked({DIB_INSTALLTYPE_pip: 'package'})).toEqual([['pip', '04-pip', 'pip-package-install/04-pip']]);
    expect(hooksByPhase(read.slice(0, 1)).get('install.d')).toEqual([]);
  });

  test('that a hook of extra-data.d added or took away are there, or not', () => {
    const read = [element('a', ['install.d/10-run x', 'install.d/20-go x'])];
    const added = {element: 'a', phase: 'install.d', name: '05-new', sha256: sha256('new')} as const;
    const hooks = hooksByPhase(read, {}, {added: [added], removed: ['install.d/20-go'], replaced: []}).get('install.d');
    expect(hooks?.map(({name}) => name)).toEqual(['05-new', '10-run']);
  });

  test('of a phase whose folder is another now are those that were added to it', () => {
    const read = [element('a', ['install.d/10-run x', 'finalise.d/20-go x'])];
    const added = {element: 'a', phase: 'install.d', name: '05-new', sha256: sha256('new')} as const;
    const hooks = hooksByPhase(read, {}, {added: [added], removed: [], replaced: ['install.d']});
    expect(hooks.get('install.d')).toEqual([added]);
    expect(hooks.get('finalise.d')?.map(({name}) => name)).toEqual(['20-go']);
  });

  test('without an interpreter are told all at once, by their files', () => {
    const read = [element('a', ['install.d/10-run x-', 'finalise.d/20-go x-', 'install.d/data'])];
    expect(() => hooksByPhase(read)).toThrow('2 hooks: the first line names no interpreter');
  });

  test('that may not be run are found', () => {
    expect(forgottenHooks([element('a', ['install.d/10-run', 'install.d/a.conf', 'bin/tool'])])).toEqual([
      'a/install.d/10-run',
    ]);
  });
});
