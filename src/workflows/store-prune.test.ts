import {mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, onTestFinished, test} from 'vitest';
import {pathsFrom, sha256, type World} from '../base/index.js';
import {Store} from '../store/index.js';
import {storeList} from './store-list.js';
import {storePrune} from './store-prune.js';

describe('pruning package files', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prune-'));
  });
  afterEach(() => rm(folder, {recursive: true}));

  test('keeps those of the latest build of an image, and those that a running build has asked for', async () => {
    const env = {TROVESTACK_STORE: join(folder, 'store'), TROVESTACK_STATE: join(folder, 'state')};
    const world: World = {emit() {}, signal: new AbortController().signal, env, paths: pathsFrom(env, folder)};
    const store = await Store.open(world.paths.store, world.emit);
    const texts = ['of the image', 'of the tools', 'its suite', 'asked for', 'left'];
    for (const text of texts) await writeFile(`${store.packages.folder}/${sha256(text)}`, text);
    await writeFile(`${store.packages.folder}/${sha256('of the image')}.control`, 'made of it');
    const of = (text: string) => [{sha256: sha256(text)}];
    const noSuites = {suites: []};
    await store.writeBuild('a.lock', {
      archive: {suites: of('its suite')},
      packages: of('of the image'),
      tools: {archive: noSuites, packages: of('of the tools')},
    });
    const record = {form: 1, image: 'a', key: sha256('a'), outputs: [], builtAt: '2026-11-22T12:00:00Z', trees: []};
    await store.writeBuild(`image-${record.key}`, record);

    await new Promise((resolve) => setTimeout(resolve, 20)); // file times are those of a clock tick
    await using _running = await store.openWork();
    const ofRunning = (await Store.open(world.paths.store, world.emit)).packages;
    await ofRunning.size(sha256('asked for'));
    await storePrune({isDryRun: false, maxSizeBytes: 0}, world);

    const kept = [...texts.slice(0, 4).map((text) => sha256(text)), `${sha256('of the image')}.control`];
    expect((await readdir(store.packages.folder)).sort()).toEqual(kept.sort());
  });
});

describe('reading the store', () => {
  test('goes on while commands at work take things away, and bring others', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busy-'));
    onTestFinished(() => rm(folder, {recursive: true}));
    const env = {...process.env, TROVESTACK_STORE: join(folder, 'store'), TROVESTACK_STATE: join(folder, 'state')};
    const world: World = {emit() {}, signal: new AbortController().signal, env, paths: pathsFrom(env, folder)};
    const store = await Store.open(world.paths.store, world.emit);
    const fill = async (round: number) => {
      await using work = await store.openWork();
      for (let i = 0; i < 10; i++) {
        await writeFile(`${store.packages.folder}/${sha256(`${round} ${i}`)}`, '');
        await mkdir(`${store.logFolder(`${round}-${i}`)}/deeper`, {recursive: true});
        await store.commit('steps', sha256(`${round} ${i}`), await work.newFolder(), {step: 'a'});
      }
    };
    const empty = async () => {
      for (const name of ['steps', 'packages', 'logs']) {
        for (const one of await readdir(join(store.folder, name)))
          await rm(join(store.folder, name, one), {recursive: true, force: true});
      }
    };
    let isDone = false;
    const busy = async () => {
      for (let round = 0; round < 5; round++) {
        await fill(round);
        await empty();
      }
      isDone = true;
    };
    const look = async () => {
      while (!isDone) {
        await storeList(world);
        await storePrune({isDryRun: false, maxSizeBytes: 0}, world);
      }
    };
    await expect(Promise.all([busy(), look()])).resolves.toBeDefined();
  });
});
