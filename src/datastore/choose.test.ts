import {fileURLToPath} from 'node:url';
import {expect, it} from 'vitest';
import {buildableVersion, chooseVersion} from './choose.js';
import {readCatalogue} from './read.js';

it('what to build for another series is a version that there are images of', async () => {
  const catalogue = await readCatalogue(fileURLToPath(new URL('../..', import.meta.url)));
  const {datastore} = chooseVersion(catalogue, 'mariadb');
  expect(buildableVersion(datastore, '10.11', 'zed')).toBe('mariadb:10.11');
  expect(buildableVersion(datastore, '10.11', '2025.1')).toBe('mariadb:11.8');
  expect(buildableVersion(datastore, '11.8', 'zed')).toBe('mariadb:10.11');
  expect(buildableVersion(datastore, '11.8', '2031.1')).toBe('mariadb:11.8');
  expect(buildableVersion(datastore, '11.8', undefined)).toBe('mariadb:11.8');
});
