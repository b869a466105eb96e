import {join} from 'node:path';
import {expect, test} from 'vitest';
import {killAtRandomMoments} from '../rig/kill.js';
import {home, temporaryFolder} from '../rig/trovestack.js';

/** Moments to kill at: `TROVESTACK_KILLS`. */
const count = Number(process.env.TROVESTACK_KILLS ?? 100);

test(`kill -9 at ${count} random moments of a build: nothing is left, and the next build is right`, async () => {
  await using folder = await temporaryFolder();
  const elements = join(home, 'tests/fixtures/elements');
  const file = join(folder.path, 'image.qcow2');
  const args = ['image', 'build', 'mariadb', '--elements-path', elements, '--output-file', file, '--output', 'json'];
  expect.hasAssertions();
  await killAtRandomMoments(args, join(folder.path, 'store'), count, Date.now());
});
