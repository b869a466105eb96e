import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {setCloudEntry} from './clouds-file.js';

describe('clouds file', () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clouds-'));
    path = join(folder, 'clouds.yaml');
  });
  afterEach(() => rm(folder, {recursive: true}));

  it('an entry is added to a file of its owner alone', async () => {
    await setCloudEntry(path, 'mine', {region_name: 'RegionOne'});
    expect(await readFile(path, 'utf8')).toBe('clouds:\n  mine:\n    region_name: RegionOne\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('entries that are written at once are all there', async () => {
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => setCloudEntry(path, name, {region_name: 'RegionOne'})));
    const text = await readFile(path, 'utf8');
    expect(names.filter((name) => text.includes(`  ${name}:\n`))).toEqual(names);
  });

  it('other entries and comments stay', async () => {
    await writeFile(path, '# by hand\nclouds:\n  other: {region_name: X} # keep\n');
    await setCloudEntry(path, 'mine', {region_name: 'RegionOne'});
    await setCloudEntry(path, 'mine', undefined);
    const text = await readFile(path, 'utf8');
    expect(text).toContain('# by hand');
    expect(text).toContain('other: { region_name: X } # keep');
    expect(text).not.toContain('mine');
  });

  it('a file with nothing else in it goes with the entry', async () => {
    await setCloudEntry(path, 'mine', {region_name: 'RegionOne'});
    await setCloudEntry(path, 'mine', undefined);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('taking out an entry that is not there changes nothing', async () => {
    await setCloudEntry(path, 'mine', undefined);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it.each(['clouds: [\n', 'clouds: {a: {auth: {password: *hush}}}\n'])('%j is left as it is', async (text) => {
    await writeFile(path, text);
    const error = await setCloudEntry(path, 'mine', {}).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({code: 'unreadable-file'});
    expect(JSON.stringify(error)).not.toContain('hush');
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});
