import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {type Element, type ElementFile, noChanges} from '../element/index.js';
import {emptyTreeKey, type Step, stepKey} from './step.js';
import {stepsBeforeCertainty, stepsOfTree, type TreeInputs} from './steps.js';

function element(name: string, files: Record<string, string>, packages: Element['packages'] = []): Element {
  const listed = Object.entries(files).map(
    ([path, text]): ElementFile => ({
      path,
      kind: 'file',
      isExecutable: /^[a-z-]+\.d\/\d/.test(path),
      sha256: sha256(text),
      isProgram: true,
      readsHooks: text.includes('$0'),
    }),
  );
  return {name, folder: `/e/${name}`, summary: '', dependencies: [], provides: [], files: listed, packages};
}

const packages = [
  {
    name: 'docker.io',
    phase: 'install.d',
    act: 'install',
    architectures: [],
    notArchitectures: [],
    conditions: [],
  },
] as const;

function inputs(elements: readonly Element[]): TreeInputs {
  return {
    elements,
    variables: {ARCH: 'amd64'},
    imageVariables: {IMAGE_NAME: 'x'},
    evaluated: {ARCH: 'amd64'},
    toolsIdentity: sha256('tools'),
    archive: sha256('archive'),
    engine: sha256('engine'),
    kind: {kind: 'container'},
    hookChanges: noChanges,
    sources: {},
    packages: [],
  };
}

const elements = [
  element('base', {'root.d/10-base': 'a', 'install.d/60-late': 'b'}),
  element('docker', {'install.d/30-docker': 'c', 'static/etc/docker.json': 'd', 'environment.d/10-x': 'e'}, packages),
];

describe('the steps of a tree', () => {
  test("are the phases' hooks in order, with packages before the phase's hooks and hygiene last", () => {
    expect(stepsOfTree(inputs(elements)).map(({id}) => id)).toEqual([
      'base/root.d/10-base',
      'engine/prepare',
      'engine/install.d/install-packages',
      'engine/install.d/install-static',
      'docker/install.d/30-docker',
      'base/install.d/60-late',
      'engine/hygiene',
    ]);
  });

  test('fetch sources as the lock has them, in the one hook that does', () => {
    const fetching = element('source-repositories', {'extra-data.d/98-source-repositories': 'x'});
    const steps = stepsOfTree({...inputs([...elements, fetching]), sources: {trove: 'abc'}});
    const named = steps.filter((step) => step.inputs['source trove'] === 'abc').map(({id}) => id);
    expect(named).toEqual(['source-repositories/extra-data.d/98-source-repositories']);
  });

  test("depend on their element's files, not on its other hooks; environment.d is an input of all", () => {
    const steps = stepsOfTree(inputs(elements));
    const docker = steps.find(({id}) => id === 'docker/install.d/30-docker');
    expect(Object.keys(docker?.inputs ?? {})).toEqual([
      'package archive',
      'tools root',
      'engine',
      'variable ARCH',
      'docker/environment.d/10-x',
      'variable IMAGE_NAME',
      'install.d/30-docker',
      'static/etc/docker.json',
    ]);
    const base = steps.find(({id}) => id === 'base/root.d/10-base');
    expect(Object.keys(base?.inputs ?? {})).toEqual([
      'package archive',
      'tools root',
      'engine',
      'variable ARCH',
      'docker/environment.d/10-x',
      'root.d/10-base',
    ]);
  });

  test('depend on the data of all elements where they know the folder of all hooks', () => {
    const read = [
      element('reader', {'install.d/20-read': 'cat $(dirname $0)/../static/etc/x', 'install.d/30-other': 'a'}),
      element('map', {'extra-data.d/10-map': 'a'}),
      element('data', {'svc-map': 'a', 'install.d/10-hook': 'b'}),
    ];
    const dataOf = (steps: ReturnType<typeof stepsOfTree>, id: string) =>
      Object.entries(steps.find((step) => step.id === id)?.inputs ?? {}).filter(([name]) => name === 'data of data');
    const steps = stepsOfTree(inputs(read));
    expect(dataOf(steps, 'reader/install.d/20-read')).toHaveLength(1);
    expect(dataOf(steps, 'map/extra-data.d/10-map')).toHaveLength(1);
    expect(dataOf(steps, 'reader/install.d/30-other')).toHaveLength(0);
    const otherHook = stepsOfTree(
      inputs([...read.slice(0, 2), element('data', {'svc-map': 'a', 'install.d/10-hook': 'c'})]),
    );
    expect(dataOf(otherHook, 'map/extra-data.d/10-map')).toEqual(dataOf(steps, 'map/extra-data.d/10-map'));
    const led = stepsOfTree(inputs([...read, element('env', {'environment.d/10-x': 'X=$(dirname $0)/..'})]));
    expect(dataOf(led, 'reader/install.d/30-other')).toHaveLength(1);
    expect(stepsBeforeCertainty(steps)).toBe(steps.findIndex(({id}) => id === 'map/extra-data.d/10-map') + 1);
    expect(stepsBeforeCertainty(stepsOfTree(inputs(elements)))).toBe(0);
  });

  test("have other keys when the engine's own scripts change; the container's step when its own do", () => {
    const guest = (engine: string, ofContainer: string): TreeInputs => ({
      ...inputs(elements),
      engine: sha256(engine),
      kind: {
        kind: 'guest',
        container: {
          name: 'c',
          identity: sha256('c'),
          top: {generations: [], instances: []},
          settings: '{}',
          scripts: sha256(ofContainer),
        },
        manifest: '{}',
        billForm: '1',
      },
    });
    const before = stepsOfTree(guest('a', 'a'));
    const changed = (after: readonly Step[]) =>
      after.flatMap((step, i) => {
        const was = before[i];
        return was && stepKey(was, emptyTreeKey) === stepKey(step, emptyTreeKey) ? [] : [step.id];
      });
    expect(changed(stepsOfTree(guest('a', 'a')))).toEqual([]);
    expect(changed(stepsOfTree(guest('b', 'a')))).toEqual(before.map(({id}) => id));
    expect(changed(stepsOfTree(guest('a', 'b')))).toEqual(['engine/container']);
  });
});
