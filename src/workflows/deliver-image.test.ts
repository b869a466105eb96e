import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {checkDestination} from './deliver-image.js';

describe('the file that a build is to end in', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deliver-'));
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'file'), '');
  });
  afterEach(() => rm(folder, {recursive: true}));

  test('may be there already, or lie in folders that are not', async () => {
    await checkDestination(join(folder, 'file'));
    await checkDestination(join(folder, 'new/deep/image.qcow2'));
  });

  test('cannot be a folder, nor lie below a file', async () => {
    await expect(checkDestination(join(folder, 'sub'))).rejects.toThrow('it is a folder');
    await expect(checkDestination(join(folder, 'file/image'))).rejects.toThrow('file" is no folder');
    await expect(checkDestination(join(folder, 'file/deep/image'))).rejects.toThrow('file" is no folder');
  });
});
