import {join} from 'node:path';
import {expect, test} from 'vitest';
import {killAtRandomMoments} from '../rig/kill.js';
import {home, temporaryFolder} from '../rig/trovestack.js';

test('kill -9 at a hundred random moments of a build: nothing is left, and the next build is right', async () => {
  await using folder = await temporaryFolder();
  const elements = join(home, 'tests/fixtures/elements');
  const file = join(folder.path, 'image.qcow2');
  const args = ['image', 'build', 'mariadb', '--elements-path', elements, '--output-file', file, '--output', 'json'];
  expect.hasAssertions();
  await killAtRandomMoments(args, join(folder.path, 'store'), 100, Date.now());
});
