import {execFileSync} from 'node:child_process';
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {readBills} from './bill-of-materials.js';
import {packageSteps} from './image-why.js';

/** What hooks made is read as data: no link of theirs leads out of a layer, and no special file stops the reader. */
describe('layers that hooks wrote', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trovestack-layers-'));
    await write('secret', 'secret');
  });
  afterEach(() => rm(folder, {recursive: true}));

  async function write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    await writeFile(join(folder, path), text);
  }

  test('bills of materials: a link and a pipe in their places are none, below them the engine wrote its own', async () => {
    await write('lower/etc/trovestack/sbom.cdx.json', 'cdx');
    await write('lower/etc/trovestack/sbom.spdx.json', 'spdx');
    await mkdir(join(folder, 'upper/etc/trovestack'), {recursive: true});
    await symlink('../../../secret', join(folder, 'upper/etc/trovestack/sbom.cdx.json'));
    execFileSync('mkfifo', [join(folder, 'upper/etc/trovestack/sbom.spdx.json')]);
    const layers = [join(folder, 'upper'), join(folder, 'lower')];
    expect(await readBills(layers)).toEqual({'sbom.cdx.json': 'cdx', 'sbom.spdx.json': 'spdx'});
    expect(await readBills(layers.slice(0, 1))).toEqual({});
  });

  test('bills of materials: a link on the way is none', async () => {
    await write('outside/sbom.cdx.json', 'secret');
    await mkdir(join(folder, 'upper/etc'), {recursive: true});
    await symlink('../../outside', join(folder, 'upper/etc/trovestack'));
    expect(await readBills([join(folder, 'upper')])).toEqual({});
  });

  test("dpkg's status: steps that put a link or nothing in its place are passed over", async () => {
    const status = '/var/lib/dpkg/status';
    const text = (version: string) =>
      `Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`;
    await write(`steps/one/target/tree${status}`, text('1'));
    await write('outside', text('2'));
    await mkdir(join(folder, 'steps/two/target/tree/var/lib/dpkg'), {recursive: true});
    await symlink('../../../../../../../outside', join(folder, `steps/two/target/tree${status}`));
    const steps = [
      {id: 'e/install.d/1', key: 'one'},
      {id: 'e/install.d/2', key: 'two'},
      {id: 'e/install.d/3', key: 'three'},
    ];
    const layers = steps.map(({id}) => ({step: id, entries: new Map([[status, {}]])}));
    const tree = {record: {steps}, layers} as unknown as Parameters<typeof packageSteps>[1];
    expect(await packageSteps('a', tree, {folder})).toEqual([{step: 'e/install.d/1', version: '1', element: 'e'}]);
  });
});
