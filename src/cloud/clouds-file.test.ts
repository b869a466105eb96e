import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Environment, World} from '../base/index.js';
import {readCloudSettings} from './clouds-file.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/trovestack-clouds-`);
});
afterEach(() => rm(folder, {recursive: true}));

function worldWith(env: Environment): World {
  const paths = {home: folder, store: `${folder}/store`, state: `${folder}/state`, data: `${folder}/data`};
  return {emit: () => {}, signal: new AbortController().signal, env: {HOME: folder, ...env}, paths};
}

async function write(path: string, text: string): Promise<string> {
  await mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ''), {recursive: true});
  await writeFile(`${folder}/${path}`, text);
  return `${folder}/${path}`;
}

const cloud = (name: string, more = '') => `clouds:
  ${name}:
    auth: {auth_url: "http://k:5000", username: u, project_name: 2025${more}}
`;

describe('clouds.yaml', () => {
  it('takes passwords from secure.yaml beside it, and numbers as names', async () => {
    await write('.config/openstack/clouds.yaml', cloud('one'));
    await write('.config/openstack/secure.yaml', 'clouds: {one: {auth: {password: 12345}}}');
    const settings = await readCloudSettings(worldWith({OS_CLOUD: 'one'}), {});
    expect(settings.credentials).toMatchObject({password: '12345', scope: {projectName: '2025'}});
  });

  it('is asked for a cloud by option before OS_CLOUD, and a region by option before its own', async () => {
    const file = await write('c.yaml', `${cloud('one', ', password: p')}    region_name: A\n`);
    const world = worldWith({OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: 'two'});
    expect(await readCloudSettings(world, {cloud: 'one', region: 'B'})).toMatchObject({name: 'one', region: 'B'});
  });

  it('is joined by the devclouds of this machine, which no proxy stands before', async () => {
    await write('state/clouds.yaml', cloud('trovestack-devcloud', ', password: p'));
    const file = await write('c.yaml', cloud('one', ', password: p'));
    const world = worldWith({OS_CLIENT_CONFIG_FILE: file});
    expect(await readCloudSettings(world, {cloud: 'trovestack-devcloud'})).toMatchObject({isLocal: true});
    expect(await readCloudSettings(world, {cloud: 'one'})).toMatchObject({isLocal: false});
    await expect(readCloudSettings(world, {cloud: 'onee'})).rejects.toMatchObject({
      code: 'unknown-cloud',
      facts: {nearest: ['one']},
    });
    await expect(readCloudSettings(world, {})).rejects.toMatchObject({
      code: 'no-cloud',
      facts: {known: ['trovestack-devcloud', 'one']},
    });
  });

  it('that is unreadable says where, without its secrets', async () => {
    const file = await write('c.yaml', 'clouds:\n  one:\n    auth: {password: hush hush, "username": [u]}\n');
    const reading = readCloudSettings(worldWith({OS_CLIENT_CONFIG_FILE: file}), {cloud: 'one'});
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({code: 'invalid-file', facts: {problems: [{path: file, line: 3}]}});
    expect(JSON.stringify(error)).not.toContain('hush');
  });

  it.each([
    'password: *hush',
    'password: |hush',
    'password: "\\hush"',
    'password: |\n        hush hush\n\n        hush\n      username: [u]',
    'password:\n        hush: [',
  ])('whose problem is near its secrets shows none of them: %j', async (auth) => {
    const file = await write('c.yaml', `clouds:\n  one:\n    auth:\n      ${auth}\n`);
    const reading = readCloudSettings(worldWith({OS_CLIENT_CONFIG_FILE: file}), {cloud: 'one'});
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({code: 'invalid-file'});
    expect(JSON.stringify(error)).not.toContain('hush');
  });

  it('that is a folder is refused', async () => {
    const world = worldWith({OS_CLIENT_CONFIG_FILE: folder});
    await expect(readCloudSettings(world, {cloud: 'one'})).rejects.toMatchObject({
      code: 'unreadable-file',
      facts: {problems: ['it is a folder']},
    });
  });
});
