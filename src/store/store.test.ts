import {execFileSync} from 'node:child_process';
import {chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {type Emit, type Sha256, sha256} from '../base/index.js';
import {Generations} from './generations.js';
import {Store} from './store.js';
import type {WorkFolder} from './work-folder.js';

describe('a store', () => {
  let folder = '';
  const emit = vi.fn<Emit>();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'));
  });
  afterEach(() => rm(folder, {recursive: true}));

  test('is made in an empty folder and opened again', async () => {
    await Store.open(folder, emit);
    await expect(Store.open(folder, emit)).resolves.toMatchObject({folder});
  });

  test('is not made among the files of others, which stay as they are', async () => {
    await mkdir(join(folder, 'work/thesis'), {recursive: true});
    await expect(Store.open(folder, emit)).rejects.toMatchObject({code: 'not-a-store', exitCode: 2});
    expect(await readdir(folder)).toEqual(['work']);
    expect(await readdir(join(folder, 'work'))).toEqual(['thesis']);
  });

  test('without its mark is known by its folders', async () => {
    for (const name of ['steps', 'roots', 'locks', 'work']) await mkdir(join(folder, name));
    await Store.open(folder, emit);
    expect(await readdir(folder)).toContain('.trovestack-store');
  });

  test('is made beside the Node that the bootstrap fetched', async () => {
    await mkdir(join(folder, 'node'));
    await expect(Store.open(folder, emit)).resolves.toMatchObject({folder});
  });

  test('loses only work folders of its own whose builds have ended', async () => {
    const store = await Store.open(folder, emit);
    await using running = await store.openWork();
    for (const name of ['0123456789ab', 'ba9876543210', 'notes']) await mkdir(join(folder, 'work', name));
    await writeFile(join(folder, 'locks/work-0123456789ab'), '');
    await Store.open(folder, emit);
    const names = await readdir(join(folder, 'work'));
    expect(names.sort()).toEqual([running.path.slice(-12), 'ba9876543210', 'notes'].sort());
  });

  test('is asked who is at work, and keeps no lock of who is not', async () => {
    const store = await Store.open(folder, emit);
    await writeFile(join(folder, 'locks/work-0123456789ab'), '');
    expect(await store.workingSince()).toBeUndefined();
    expect(await readdir(join(folder, 'locks'))).toEqual([]);
    await using _running = await store.openWork();
    expect(await store.workingSince()).toBeInstanceOf(Date);
  });

  test('removes what a killed build left, also when its path is longer than the kernel takes', async () => {
    await Store.open(folder, emit);
    await mkdir(join(folder, 'work/0123456789ab'));
    await writeFile(join(folder, 'locks/work-0123456789ab'), '');
    const script = 'cd "$1"; n=$(printf "%0200d" 0); i=0; while [ $i -lt 40 ]; do mkdir $n; cd -P $n; i=$((i+1)); done';
    execFileSync('sh', ['-c', script, 'deep', join(folder, 'work/0123456789ab')]);
    await Store.open(folder, emit);
    expect(await readdir(join(folder, 'work'))).toEqual([]);
    expect(emit).not.toHaveBeenCalled();
  });

  test('can be passed by the ids of sandboxes; its folder loses no right that it had', async () => {
    await chmod(folder, 0o2770);
    await Store.open(folder, emit);
    expect((await stat(folder)).mode & 0o7777).toBe(0o2771);
  });

  test('finds what was committed, and its work folder ends without it', async () => {
    const store = await Store.open(folder, emit);
    await using work = await store.openWork();
    const staged = await work.newFolder();
    await writeFile(join(staged, 'file'), 'content');
    const {folder: kept} = await store.commit('steps', sha256('a key'), staged, {size: 7});
    const found = {key: sha256('a key'), folder: kept, facts: {size: 7}, instance: expect.any(String), on: []};
    expect(await store.find('steps', sha256('a key'))).toEqual(found);
    expect(await readdir(kept)).toEqual(['facts.json', 'file']);
    expect(await readdir(work.path)).toEqual([]);
  });

  const [old, anew, upper, image] = ['old', 'anew', 'upper', 'image'].map(sha256) as [Sha256, Sha256, Sha256, Sha256];
  const replaces = {first: old, generation: 'generation'};

  /** Commits results, each on those named. */
  async function fill(store: Store, work: WorkFolder): Promise<void> {
    const {instance} = await store.commit('steps', old, await work.newFolder(), {});
    const above = await store.commit('steps', upper, await work.newFolder(), {}, {on: [instance]});
    await store.commit('images', image, await work.newFolder(), {}, {on: [above.instance]});
  }

  async function dropReplaced(store: Store, stays: readonly Sha256[] = []): Promise<boolean> {
    await using replaced = await store.takeOutReplaced(async () => new Set(stays));
    return replaced !== undefined;
  }

  test('keeps what others stand for now until nobody uses it, and drops with it what was made on it', async () => {
    const store = await Store.open(folder, emit);
    const work = await store.openWork();
    await fill(store, work);
    await store.commit('steps', anew, await work.newFolder(), {}, {replaces});
    expect(await store.generations()).toEqual(new Map([[old, 'generation']]));
    expect(await dropReplaced(store)).toBe(false);
    expect(await store.keys('steps')).toHaveLength(3);
    await work[Symbol.asyncDispose]();
    expect(await dropReplaced(store, [upper])).toBe(true);
    expect([await store.keys('steps'), await store.keys('images')]).toEqual([[anew, upper].sort(), []]);
    expect(await store.generations()).toEqual(new Map([[old, 'generation']]));
    expect(await readdir(join(folder, 'work'))).toEqual([]);
    const needed = vi.fn(async () => new Set<string>());
    await store.takeOutReplaced(needed);
    expect(needed).not.toHaveBeenCalled();
  });

  test('drops with what is replaced also what stands on a result whose facts were cut short', async () => {
    const store = await Store.open(folder, emit);
    {
      await using work = await store.openWork();
      await fill(store, work);
      await writeFile(join(folder, 'steps', old, 'facts.json'), '{"inst');
      await store.commit('steps', anew, await work.newFolder(), {}, {replaces});
    }
    expect(await dropReplaced(store)).toBe(true);
    expect([await store.keys('steps'), await store.keys('images')]).toEqual([[anew], []]);
  });

  test('does not look again for what is replaced and needed, until something is built', async () => {
    const store = await Store.open(folder, emit);
    {
      await using work = await store.openWork();
      await fill(store, work);
      await store.commit('steps', anew, await work.newFolder(), {}, {replaces});
    }
    expect(await dropReplaced(store, [old, upper, image])).toBe(false);
    const needed = vi.fn(async () => new Set<string>());
    await store.takeOutReplaced(needed);
    expect(needed).not.toHaveBeenCalled();
    await new Promise((resolve) => setTimeout(resolve, 20)); // file times are those of a clock tick
    await store.writeBuild('image', {});
    expect(await dropReplaced(store)).toBe(true);
    expect(await store.keys('steps')).toEqual([anew]);
  });

  test('tells a new result from the one that was under its key', async () => {
    const store = await Store.open(folder, emit);
    await using work = await store.openWork();
    const first = await store.commit('steps', old, await work.newFolder(), {}, {on: ['below']});
    await rm(first.folder, {recursive: true});
    const second = await store.commit('steps', old, await work.newFolder(), {}, {on: ['below']});
    expect(second.on).toEqual(first.on);
    expect(second.instance).not.toBe(first.instance);
    expect(await store.find('steps', old)).toEqual(second);
  });

  test('knows results of before they had instances by their keys', async () => {
    const store = await Store.open(folder, emit);
    await mkdir(join(folder, 'steps', upper));
    await writeFile(join(folder, 'steps', upper, 'facts.json'), JSON.stringify({size: 7, on: [old], parts: {}}));
    expect(await store.find('steps', upper)).toMatchObject({instance: upper, on: [old], facts: {size: 7}});
  });

  test('whose build was killed before its new result stood for the old one loses the new one, and keeps the old', async () => {
    const store = await Store.open(folder, emit);
    const generations = new Generations(folder);
    {
      await using work = await store.openWork();
      await fill(store, work);
      await generations.announce(replaces, anew);
      await store.commit('steps', anew, await work.newFolder(), {});
      await writeFile(join(folder, 'replaced', old), old); // the first thing that standing does
    }
    expect(await dropReplaced(store)).toBe(true);
    expect([await store.keys('steps'), await store.keys('images')]).toEqual([[old, upper].sort(), [image]]);
    expect(await generations.marked()).toEqual([]);
  });

  test('tidied forgets locks and generations of results that are gone, unless somebody is at work', async () => {
    const store = await Store.open(folder, emit);
    {
      await using work = await store.openWork();
      await using _lock = await store.lock(anew, 'a step', new AbortController().signal);
      await store.commit('steps', anew, await work.newFolder(), {}, {replaces});
      await rm(join(folder, 'steps', anew), {recursive: true});
      await writeFile(join(folder, 'generations/x.part'), '');
      await store.tidy();
      expect(await readdir(join(folder, 'generations'))).toHaveLength(2);
    }
    await store.tidy();
    const left = await Promise.all(['generations', 'replaced', 'locks'].map((name) => readdir(join(folder, name))));
    expect(left).toEqual([[], [], ['generations', 'in-use']]);
  });

  test('is had alone only while nobody is at work; who waits for it can be called off', async () => {
    const store = await Store.open(folder, emit);
    {
      await using alone = await store.useAlone();
      expect(alone).toBeDefined();
      expect(await store.useAlone()).toBeUndefined();
      await expect(store.openWork(AbortSignal.timeout(50))).rejects.toThrow('timeout');
    }
    await using _work = await store.openWork();
    expect(await store.useAlone()).toBeUndefined();
  });

  test('notes when a package was asked for', async () => {
    const {packages} = await Store.open(folder, emit);
    const path = join(packages.folder, sha256('text'));
    await writeFile(path, 'text');
    await utimes(path, 1, 1);
    expect(await packages.size(sha256('text'))).toBe(4);
    expect((await stat(path)).atimeMs).toBeGreaterThan(Date.now() - 60_000);
    expect(await packages.size(sha256('another'))).toBeUndefined();
  });

  test('shows logs and what builds were made of to its owner only', async () => {
    await Store.open(folder, emit);
    for (const name of ['logs', 'builds']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o700);
  });
});
