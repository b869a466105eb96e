import {execFileSync} from 'node:child_process';
import {chmod, mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {type HookLayer, hookChangesIn} from './hook-changes.js';

describe('what hooks did to the folder of all hooks', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trovestack-hooks-'));
  });
  afterEach(() => rm(folder, {recursive: true}));

  async function writeHook(path: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    await writeFile(join(folder, path), path);
    await chmod(join(folder, path), 0o755);
  }

  function layer(name: string): HookLayer {
    return {folder: join(folder, name), key: sha256(name), by: 'e'};
  }

  /** As overlayfs marks what is gone. */
  async function remove(path: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    execFileSync('mknod', [join(folder, path), 'c', '0', '0']);
  }

  test('hooks that were added, and removed', async () => {
    await writeHook('one/install.d/10-a');
    await remove('one/install.d/20-b');
    expect(await hookChangesIn([layer('one')], new Set(), [])).toEqual({
      added: [expect.objectContaining({element: 'e', phase: 'install.d', name: '10-a'})],
      removed: ['install.d/20-b'],
      replaced: [],
    });
  });

  test('a phase whose folder is gone has no hooks, those of earlier steps included', async () => {
    await writeHook('one/install.d/10-a');
    await remove('two/install.d');
    const changes = await hookChangesIn([layer('one'), layer('two')], new Set(), []);
    expect(changes).toEqual({added: [], removed: [], replaced: ['install.d']});
  });

  test('a link in place of a folder is not followed', async () => {
    await writeHook('elsewhere/10-a');
    await mkdir(join(folder, 'one'));
    await symlink('../elsewhere', join(folder, 'one/install.d'));
    const changes = await hookChangesIn([layer('one')], new Set(), []);
    expect(changes).toEqual({added: [], removed: [], replaced: ['install.d']});
  });

  test('a folder that was made anew has only what is in it', async () => {
    await writeHook('one/install.d/10-a');
    await writeHook('two/install.d/30-c');
    const {key} = layer('two');
    expect(await hookChangesIn([layer('one'), layer('two')], new Set([`${key}/install.d`]), [])).toEqual({
      added: [expect.objectContaining({name: '30-c'})],
      removed: [],
      replaced: ['install.d'],
    });
  });
});
