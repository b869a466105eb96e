import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import fc from 'fast-check';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {canonicalJson, compareCodePoints, sha256} from './digest.js';
import {Interrupted, storeError} from './errors.js';
import {readFileIfThere, writeFileWhole} from './files.js';
import {lockFile} from './lock.js';
import {nearestNames} from './nearest.js';
import {pathsFrom} from './world.js';

describe('canonical JSON', () => {
  test('does not depend on the order in which members were written', () => {
    expect(canonicalJson({b: [1, {d: undefined, c: null}], a: 'x'})).toBe('{"a":"x","b":[1,{"c":null}]}');
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(value);
      }),
    );
  });

  test('sorts by code point, not by UTF-16 unit', () => {
    expect(['\u{1F600}', '\uFFFD', 'a'].sort(compareCodePoints)).toEqual(['a', '\uFFFD', '\u{1F600}']);
  });

  test('sha256 is that of the bytes', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('nearest names', () => {
  test('come nearest first, and what is far off does not come', () => {
    expect(nearestNames('mariadbb', ['mysql', 'mariadb', 'postgresql'])).toEqual(['mariadb']);
    expect(nearestNames('zzzzzzzzzzzz', ['mysql', 'mariadb'])).toEqual([]);
  });
});

describe('paths', () => {
  test('follow XDG, and the variables of our own before it', () => {
    expect(pathsFrom({HOME: '/h'}, '/here')).toEqual({
      home: '/here',
      store: '/h/.cache/trovestack',
      state: '/h/.local/state/trovestack',
      data: '/h/.local/share/trovestack',
    });
    expect(pathsFrom({HOME: '/h', XDG_CACHE_HOME: '/c', TROVESTACK_STATE: '/s'}, '/here')).toMatchObject({
      store: '/c/trovestack',
      state: '/s',
    });
    expect(pathsFrom({TROVESTACK_STORE: 'here/../store/'}, '/').store).toBe(`${process.cwd()}/store`);
  });
});

describe('files and locks', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'base-'));
  });
  afterEach(() => rm(folder, {recursive: true}));

  test('a file is written whole, and nothing stays beside it', async () => {
    const path = join(folder, 'deep/file');
    await writeFileWhole(path, 'one');
    await writeFileWhole(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(join(folder, 'deep'))).toEqual(['file']);
    expect(await readFileIfThere(join(folder, 'none'))).toBeUndefined();
  });

  test('a held lock is refused to others, and free once it is given back', async () => {
    const path = join(folder, 'lock');
    {
      await using _held = await lockFile(path, {what: 'the test'});
      await expect(lockFile(path, {what: 'the test', wait: false})).rejects.toMatchObject({code: 'busy-lock'});
    }
    await using _again = await lockFile(path, {what: 'the test', wait: false});
  });

  test('who waits for a lock gets it after the holder', async () => {
    const path = join(folder, 'lock');
    const first = await lockFile(path, {what: 'the test'});
    const order: string[] = [];
    const second = lockFile(path, {what: 'the test'}).then((lock) => {
      order.push('second');
      return lock;
    });
    order.push('first');
    await first[Symbol.asyncDispose]();
    await (await second)[Symbol.asyncDispose]();
    expect(order).toEqual(['first', 'second']);
  });

  test('who stops waiting for a lock leaves nothing that holds it', async () => {
    const path = join(folder, 'lock');
    const first = await lockFile(path, {what: 'the test'});
    const controller = new AbortController();
    const second = lockFile(path, {what: 'the test', signal: controller.signal});
    setTimeout(() => controller.abort(new Interrupted('SIGINT')), 20);
    await expect(second).rejects.toMatchObject({code: 'interrupted'});
    await first[Symbol.asyncDispose]();
    await using _again = await lockFile(path, {what: 'the test', wait: false});
  });

  test("a lock that can't be taken is told with its reason, not as another's", async () => {
    await writeFileWhole(join(folder, 'flock'), '#!/bin/sh\necho "flock: no locks available" >&2; exit 71\n', 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    const asked = lockFile(join(folder, 'lock'), {what: 'the test', wait: false});
    await expect(asked).rejects.toMatchObject({
      code: 'command-failed',
      facts: {outcome: 'exited with 71', output: 'flock: no locks available'},
    });
    vi.unstubAllEnvs();
  });

  test("a full disk and a quota are told as such, whatever else isn't ours to word stays", () => {
    const full = Object.assign(new Error('x'), {code: 'ENOSPC'});
    expect(storeError(full, '/s')).toMatchObject({code: 'disk-full'});
    expect(storeError(Object.assign(new Error('x'), {code: 'EDQUOT'}), '/s')).toMatchObject({code: 'disk-full'});
    expect(storeError(Object.assign(new Error('x'), {code: 'EACCES'}), '/s')).toMatchObject({code: 'no-access'});
    const other = new Error('x');
    expect(storeError(other, '/s')).toBe(other);
  });

  test('a machine without flock is told what it lacks', async () => {
    vi.stubEnv('PATH', folder);
    await expect(lockFile(join(folder, 'lock'), {what: 'the test'})).rejects.toMatchObject({code: 'missing-tool'});
    vi.unstubAllEnvs();
  });
});
