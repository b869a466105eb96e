import {execFileSync} from 'node:child_process';
import {chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {type Emit, type Sha256, sha256} from '../base/index.js';
import {Store} from './store.js';

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
    expect(await store.find('steps', sha256('a key'))).toEqual({key: sha256('a key'), folder: kept, facts: {size: 7}});
    expect(await readdir(kept)).toEqual(['facts.json', 'file']);
    expect(await readdir(work.path)).toEqual([]);
  });

  test('keeps what others stand for now until nobody uses it, and drops with it what was made on it', async () => {
    const store = await Store.open(folder, emit);
    const [old, anew, upper, other] = ['old', 'anew', 'upper', 'other'].map(sha256) as [Sha256, Sha256, Sha256, Sha256];
    const work = await store.openWork();
    await store.commit('steps', old, await work.newFolder(), {});
    await store.commit('steps', upper, await work.newFolder(), {}, [old]);
    await store.commit('images', other, await work.newFolder(), {}, [upper]);
    await store.commit('steps', anew, await work.newFolder(), {});
    await store.replace(old, 'generation', anew);
    expect(await store.generations()).toEqual(new Map([[old, 'generation']]));
    const needed = vi.fn(async () => new Set<string>());
    await store.dropReplaced(needed);
    expect(await store.keys('steps')).toHaveLength(3);
    await work[Symbol.asyncDispose]();
    await store.dropReplaced(async () => new Set([upper]));
    expect([await store.keys('steps'), await store.keys('images')]).toEqual([[anew, upper].sort(), []]);
    expect(await store.generations()).toEqual(new Map([[old, 'generation']]));
    needed.mockClear();
    await store.dropReplaced(needed);
    expect(needed).not.toHaveBeenCalled();
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
