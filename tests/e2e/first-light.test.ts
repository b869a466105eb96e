import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type HostTraces, hostTraces} from '../rig/host.js';
import {runTrovestack} from '../rig/trovestack.js';

/** The main line: from this checkout to a database that answers, with every part real. Each test goes on from the one before. */
describe('first light', () => {
  const cloud = 'first-light';
  let before: HostTraces;
  let image = '';

  beforeAll(() => {
    before = hostTraces();
  });
  afterAll(() => runTrovestack(['devcloud', 'destroy', '--name', cloud]));

  test('quickstart ends with the answer of a server inside a Trove instance', async () => {
    const {exitCode, stdout, stderr} = await runTrovestack(['quickstart', '--name', cloud, '--output', 'json']);
    expect(exitCode, stderr).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.sql.serverVersion).toMatch(/^11\.8\.\d+-MariaDB/);
    expect(result.sql.answer).toBe('42');
    expect(result.instance).toMatchObject({status: 'ACTIVE', operatingStatus: 'HEALTHY'});
    expect(result.proof.proven).toBe(true);
    image = result.image.file;
  });

  test("OpenStack's own client sees the instance, the image of the version and the default", async () => {
    const openstack = async (...args: string[]) => {
      const ran = await runTrovestack(['devcloud', 'exec', '--name', cloud, '--', 'openstack', ...args, '-f', 'json']);
      expect(ran.exitCode, ran.stderr).toBe(0);
      return JSON.parse(ran.stdout);
    };
    const instances = await openstack('database', 'instance', 'list');
    expect(instances).toHaveLength(1);
    expect(instances[0]).toMatchObject({Status: 'ACTIVE', 'Operating Status': 'HEALTHY', 'Datastore Version': '11.8'});
    const version = await openstack('datastore', 'version', 'show', '11.8', '--datastore', 'mariadb');
    expect(version.image).toMatch(/^[0-9a-f-]{36}$/);
    const datastore = await openstack('datastore', 'show', 'mariadb');
    expect(datastore.default_version).toBe('11.8');
  });

  test('a second quickstart reuses the image, its proof, the cloud, the registration and the instance', async () => {
    const {exitCode, stdout, stderr} = await runTrovestack(['quickstart', '--name', cloud, '--output', 'json']);
    expect(exitCode, stderr).toBe(0);
    const result = JSON.parse(stdout);
    const reused = result.stages
      .filter((stage: {reused?: string}) => stage.reused)
      .map((stage: {stage: string}) => stage.stage);
    expect(reused).toEqual(['build', 'verify', 'devcloud', 'load', 'activate', 'instance']);
    expect(result.sql.serverVersion).toMatch(/^11\.8\./);
  });

  test('a devcloud that was stopped comes back with all it had, and its database answers', async () => {
    expect((await runTrovestack(['devcloud', 'down', '--name', cloud])).exitCode).toBe(0);
    const up = await runTrovestack(['devcloud', 'up', '--name', cloud, '--output', 'json']);
    expect(up.exitCode, up.stderr).toBe(0);
    const load = await runTrovestack(['image', 'load', image, '--cloud', `trovestack-${cloud}`, '--output', 'json']);
    expect(load.exitCode, load.stderr).toBe(0);
    expect(JSON.parse(load.stdout)).toMatchObject({isChanged: false});
    const again = await runTrovestack(['quickstart', '--name', cloud, '--output', 'json']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout).sql.answer).toBe('42');
  });

  test('destroy leaves nothing on the machine', async () => {
    expect((await runTrovestack(['devcloud', 'destroy', '--name', cloud])).exitCode).toBe(0);
    expect(hostTraces()).toEqual(before);
  });

  test('the image boots under UEFI too, and its file is not touched', async () => {
    const args = ['image', 'verify', image, '--boot', '--firmware', 'uefi', '--output', 'json'];
    const {exitCode, stdout, stderr} = await runTrovestack(args);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({sound: true, findings: [], proven: true, firmware: 'uefi'});
    expect(hostTraces()).toEqual(before);
  });
});

describe('first light without virtual machines', () => {
  test('quickstart --profile api --destroy ends with an active default and leaves nothing', async () => {
    const before = hostTraces();
    const {exitCode, stdout, stderr} = await runTrovestack([
      'quickstart',
      '--profile',
      'api',
      '--destroy',
      '--name',
      'api-line',
      '--output',
      'json',
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({version: {isActive: true, isDefault: true}});
    expect(hostTraces()).toEqual(before);
  });
});
