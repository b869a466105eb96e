import {chmod, chown, cp, mkdir, readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {makeFreshMachine} from '../rig/fresh-machine.js';
import {type MovedClock, movedClock} from '../rig/moved-clock.js';
import {type OrdinaryUser, ordinaryUser} from '../rig/ordinary-user.js';
import {type CommandResult, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** What `image build --output json` prints. */
interface Built {
  readonly file: string;
  readonly sha256: string;
  readonly lockFile: string;
  readonly stepsRun: number;
  readonly stepsReused: number;
}

/** The MariaDB image as it ships. Each build has a store of its own with nothing but package files; steps that the container's
 * tree and the guest's have in common run once. As root. */
describe('one lock gives the same bytes', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let first: Built;
  let moved: MovedClock;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    await mkdir(join(folder.path, 'clock'));
    moved = await movedClock(join(folder.path, 'clock'));
    first = parse(await buildAsRoot('first'));
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  function buildAsRoot(name: string, more: readonly string[] = [], env: Record<string, string> = {}) {
    const own = join(folder.path, name);
    const file = join(own, 'image.qcow2');
    return startTrovestack(['image', 'build', 'mariadb', '--output-file', file, '--output', 'json', ...more], {
      env: {TROVESTACK_STORE: join(own, 'store'), XDG_STATE_HOME: join(own, 'state'), ...env},
    }).result;
  }

  /** Makes a store that has the first build's package files, and nothing else. */
  async function lendPackages(store: string): Promise<void> {
    for (const name of ['.trovestack-store', 'packages']) {
      await cp(join(folder.path, 'first/store', name), join(store, name), {recursive: true});
    }
  }

  function locked(lockFile = first.lockFile): string[] {
    return ['--lock', lockFile, '--locked', '--offline'];
  }

  async function newUser(name: string): Promise<OrdinaryUser> {
    const place = join(folder.path, name);
    await mkdir(place);
    const user = await ordinaryUser(place);
    await lendPackages(join(user.folder, 'store'));
    await cp(first.lockFile, join(user.folder, 'image.lock.yaml'));
    for (const path of [...(await readdir(user.folder, {recursive: true})), '']) {
      await chown(join(user.folder, path), user.id, user.id);
    }
    return user;
  }

  function buildAs({folder: own, start}: OrdinaryUser) {
    const args = ['image', 'build', 'mariadb', '--output-file', join(own, 'image.qcow2'), '--output', 'json'];
    return start([...args, ...locked(join(own, 'image.lock.yaml'))]).result;
  }

  /** The build ran all that the first did. */
  function expectSame(run: CommandResult): void {
    const {sha256, stepsRun, stepsReused} = parse(run);
    expect({sha256, stepsRun, stepsReused}).toEqual({
      sha256: first.sha256,
      stepsRun: first.stepsRun,
      stepsReused: first.stepsReused,
    });
  }

  test('the first build ran every step', () => {
    expect(first.stepsRun).toBeGreaterThan(first.stepsReused + 10);
    expect(first.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('to root in another directory, forty days later', async () => {
    const name = 'a deeper/directory';
    await lendPackages(join(folder.path, name, 'store'));
    expectSame(await buildAsRoot(name, locked(), moved('+40d')));
  });

  test('to an ordinary user', async () => {
    expectSame(await buildAs(await newUser('user')));
  });

  test('to an ordinary user in another directory', async () => {
    expectSame(await buildAs(await newUser('a user')));
  });

  test('on Debian 13', async () => {
    await using machine = await makeFreshMachine('trixie');
    await lendPackages(join(machine.root, 'root/.cache/trovestack'));
    await cp(first.lockFile, join(machine.root, 'root/image.lock.yaml'));
    const build = './trovestack image build mariadb --output-file /root/image.qcow2 --output json --locked --offline';
    expectSame(await machine.run(build));
  });
});

function parse(run: CommandResult): Built {
  expect(run, run.stderr).toMatchObject({exitCode: 0});
  return JSON.parse(run.stdout) as Built;
}
