import {execFileSync, spawnSync} from 'node:child_process';
import {chmod, mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Event, pathsFrom, TrovestackError, type World} from '../../src/base/index.js';
import {type BuildRequest, type BuiltImage, buildImage} from '../../src/workflows/build-image.js';
import type {ElementsRequest} from '../../src/workflows/read-blueprint.js';
import {type PlannedSteps, showPlan} from '../../src/workflows/show-plan.js';
import {home, startTrovestack, temporaryFolder} from '../rig/trovestack.js';

type ElementsBuild = Extract<BuildRequest, {kind: 'elements'}>;

/** Serves a folder on loopback, and texts by their paths before it.
 * @param login `user:password` that every request has to name.
 */
async function serveFolder(folder: string, texts: ReadonlyMap<string, string>, login?: string) {
  const wanted = login && `Basic ${Buffer.from(login).toString('base64')}`;
  const server = createServer((request, response) => {
    if (wanted !== undefined && request.headers.authorization !== wanted) {
      response.writeHead(401, {'www-authenticate': 'Basic realm="test"'}).end();
      return;
    }
    const path = (request.url ?? '').replace(/\?.*/, '');
    const text = texts.get(path);
    const content = text === undefined ? readFile(join(folder, path)) : Promise.resolve(text);
    content.then(
      (found) => response.writeHead(200).end(found),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The lines of diskimage-builder's contract with its elements, each by elements that a test writes. The root file system
 * has only what its hooks need; images are archives, since no test here is about disks.
 */
describe('elements in the format of diskimage-builder', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await write('common', {
      'os/element-provides': 'operating-system\n',
      'os/element-deps': 'mmdebstrap\n',
      // Says what it was asked for, in the place of a package manager.
      'packager/bin/install-packages x': 'echo "$*" >> /etc/packages; echo "packages $*" >> /etc/order',
    });
    await build('common', []); // the tools root takes a minute
  }, 600_000);

  afterAll(() => folder[Symbol.asyncDispose]());

  /** Writes elements: path → text; with ` x` after the path an executable script of bash. */
  async function write(name: string, files: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, text] of Object.entries(files)) {
      const [path = '', flag] = key.split(' ');
      const file = join(folder.path, name, path);
      await mkdir(dirname(file), {recursive: true});
      const isRaw = flag !== 'x' || text.startsWith('#!') || text.startsWith('raw ');
      await writeFile(file, isRaw ? text.replace(/^raw /, '') : `#!/bin/bash\nset -eu\n${text}\n`);
      await chmod(file, flag === 'x' ? 0o755 : 0o644);
    }
  }

  function request(name: string, elements: readonly string[], more: Partial<ElementsRequest> = {}): ElementsRequest {
    const fixtures = join(home, 'tests/fixtures/elements');
    return {
      kind: 'elements',
      name,
      elements: ['os', ...elements],
      architecture: 'amd64',
      elementsPath: [join(folder.path, name), join(folder.path, 'common'), fixtures],
      output: {formats: ['tar']},
      ...more,
    };
  }

  const events: Event[] = [];

  function world(env: Readonly<Record<string, string>> = {}): World {
    const all = {...env, TROVESTACK_STORE: join(folder.path, 'store'), PATH: process.env.PATH ?? ''};
    const emit = (event: Event) => void events.push(event);
    return {emit, signal: new AbortController().signal, env: all, paths: pathsFrom(all, home)};
  }

  function path(name: string): string {
    return join(folder.path, name);
  }

  function archive(name: string): string {
    return path(`${name}.tar`);
  }

  async function build(
    name: string,
    elements: readonly string[],
    env: Readonly<Record<string, string>> = {},
    more: Partial<ElementsBuild> = {},
  ): Promise<BuiltImage> {
    const asked = {...request(name, elements), ...more, outputFile: archive(name)};
    try {
      return await buildImage(asked, world(env));
    } catch (error) {
      if (error instanceof TrovestackError) error.message += ` ${JSON.stringify(error.facts)}`;
      throw error;
    }
  }

  function plan(name: string, elements: readonly string[]): Promise<PlannedSteps> {
    return showPlan(request(name, elements), world());
  }

  /** A text file of a built image. */
  function read(name: string, path: string): string {
    return execFileSync('tar', ['--extract', '--to-stdout', '--file', archive(name), `./${path}`], {encoding: 'utf8'});
  }

  function list(name: string): string[] {
    return execFileSync('tar', ['--list', '--file', archive(name)], {encoding: 'utf8'}).split('\n');
  }

  test('hooks run phase by phase, in the image or outside it, by number and then by name', async () => {
    const outside = 'echo "$(basename "$(dirname "$0")")/$(basename "$0")" >> "$TARGET_ROOT/etc/order"';
    const inside = 'name=${0%/*}; echo "${name##*/}/${0##*/}" >> /etc/order; test ! -e /tmp/dib_build.tree';
    await write('order', {
      'a/root.d/50-a x': outside,
      'a/extra-data.d/10-a x': outside,
      'b/pre-install.d/9-b x': inside,
      'a/pre-install.d/10-a x': inside,
      'b/install.d/10-b x': inside,
      'a/install.d/10-a x': inside,
      'b/install.d/no.dots x': inside,
      'a/post-install.d/10-a x': inside,
      'a/post-root.d/10-a x': outside,
      'a/block-device.d/10-a x': outside,
      'a/pre-finalise.d/10-a x': outside,
      'a/finalise.d/10-a x': inside,
      'a/cleanup.d/10-a x': outside,
    });
    await build('order', ['b', 'a']);
    expect(read('order', 'etc/order').trim().split('\n')).toEqual([
      'root.d/50-a',
      'extra-data.d/10-a',
      'pre-install.d/9-b',
      'pre-install.d/10-a',
      'install.d/10-a',
      'install.d/10-b',
      'post-install.d/10-a',
      'post-root.d/10-a',
      'block-device.d/10-a',
      'pre-finalise.d/10-a',
      'finalise.d/10-a',
      'cleanup.d/10-a',
    ]);
  });

  test('hooks have the variables, functions and places of the contract', async () => {
    await write('world', {
      'a/environment.d/10-a.bash': 'export FROM_A="${DIB_ASKED:-unset} in $IMAGE_NAME"\nexport DISTRO_NAME=testing\n',
      'b/environment.d/5-b': 'export FROM_B="$(printf %s first)"\n',
      'a/data': 'of a\n',
      'source-repository-of-a/source-repository-x': 'kept\n',
      'a/extra-data.d/10-outside x': `
eval declare -A elements="($(get_image_element_array))"
cat "\${elements[a]}/data" > "$TMP_MOUNT_PATH/etc/from-element"
test "$TARGET_ROOT" = "$TMP_MOUNT_PATH"
test -d "$TMP_BUILD_DIR"
[[ $TMP_MOUNT_PATH == *.*/mnt ]]
test -x "$TMP_HOOKS_PATH/install.d/10-inside"
cat "$TMP_HOOKS_PATH/source-repository-x" > "$TMP_MOUNT_PATH/etc/top-level"
cat "$ELEMENTS_PATH/a/data" > /dev/null
$DIB_PYTHON_EXEC -c 'import os, yaml; print(*sorted(yaml.safe_load(os.environ["IMAGE_ELEMENT_YAML"])))' > "$TMP_MOUNT_PATH/etc/elements"
sudo -E chroot "$TMP_MOUNT_PATH" bash -c ': > /dev/null'
for name in _LIB _ps4 DIB_ARGS DIB_ENV DIB_IMAGE_CACHE DIB_LOCKFILES DIB_OFFLINE DIB_CHECKSUM DIB_NO_TMPFS DIB_MIN_TMPFS FS_TYPE IMAGE_TYPE ARCH DIB_INIT_SYSTEM; do
  test -n "\${!name+set}" || die "no $name"
done
test "$(type -t die)" = function`,
      'a/install.d/10-inside x': `
echo "$FROM_A, $FROM_B, $IMAGE_ELEMENT, $ARCH, $HOME, \${TMPDIR:-none}" > /etc/inside
if ( : > /tmp/in_target.d/new ) 2> /dev/null; then exit 1; fi
test "$(sed -n 1p "\${0%/*}/../data")" = 'of a'`,
    });
    await build('world', ['a', 'b', 'source-repository-of-a'], {DIB_ASKED: 'asked'});
    expect(read('world', 'etc/inside')).toBe(
      'asked in world, first, a b mmdebstrap os source-repository-of-a, amd64, /root, none\n',
    );
    expect(read('world', 'etc/from-element')).toBe('of a\n');
    expect(read('world', 'etc/top-level')).toBe('kept\n');
    expect(read('world', 'etc/elements')).toBe('a b mmdebstrap os source-repository-of-a\n');
  });

  test('hooks of extra-data.d may add and remove hooks; the plan says what it does not know before they ran', async () => {
    await write('added', {
      'a/install.d/20-removed x': 'echo removed >> /etc/order',
      'a/late/30-linked x': 'echo linked >> /etc/order',
      'a/post-install.d/20-removed x': 'echo removed with its phase >> /etc/order',
      'a/pre-finalise.d/20-removed x': 'echo removed with its phase >> /etc/order',
      'a/extra-data.d/10-change x': `
rm "$TMP_HOOKS_PATH/install.d/20-removed"
rm -r "$TMP_HOOKS_PATH/post-install.d" "$TMP_HOOKS_PATH/pre-finalise.d"
mkdir "$TMP_HOOKS_PATH/post-install.d"
printf '#!/bin/bash\\necho added >> /etc/order\\n' > "$TMP_HOOKS_PATH/install.d/25-added"
chmod +x "$TMP_HOOKS_PATH/install.d/25-added"
ln -s ../late/30-linked "$TMP_HOOKS_PATH/install.d/30-linked"`,
      'a/finalise.d/10-last x': 'echo last >> /etc/order',
    });
    const cold = await plan('added', ['a']);
    const marked = cold.steps.filter(({isUncertain}) => isUncertain).map(({step}) => step);
    expect(marked).toContain('a/install.d/20-removed');
    expect(marked).not.toContain('a/extra-data.d/10-change');
    const built = await build('added', ['a']);
    expect(read('added', 'etc/order')).toBe('added\nlinked\nlast\n');
    const warm = await plan('added', ['a']);
    expect(warm.steps.filter(({isUncertain, act}) => isUncertain || act === 'run')).toEqual([]);
    expect(warm.steps.map(({step}) => step)).toContain('a/install.d/25-added');
    expect(built.stepsRun).toBe(warm.steps.length - 1); // the base root is shared with the image before
    expect(await build('added', ['a'])).toMatchObject({stepsRun: 0, sha256: built.sha256});
    const again = await build('added', ['a'], {}, {rebuild: ['a/extra-data.d/10-change']});
    expect(again).toMatchObject({sha256: built.sha256, stepsRun: built.stepsRun});
  });

  /** A repository of git in the folder, and what puts a commit onto its branch `main`. */
  function newRepository(name: string) {
    const repository = join(folder.path, name);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
        encoding: 'utf8',
        cwd: folder.path,
      }).trim();
    const commit = (message: string, parents: readonly string[]) => {
      const tree = execFileSync('git', ['-C', repository, 'mktree'], {input: '', encoding: 'utf8'}).trim();
      const made = git('-C', repository, 'commit-tree', tree, '-m', message, ...parents.flatMap((one) => ['-p', one]));
      git('-C', repository, 'update-ref', 'refs/heads/main', made);
      git('-C', repository, 'update-server-info');
      return made;
    };
    git('init', '--quiet', '--bare', '--initial-branch=main', repository);
    return commit;
  }

  test('sources are taken as the lock has them: commits of git, files by their digests', async () => {
    const commit = newRepository('demo.git');
    const files = new Map([['/data', 'first']]);
    await using server = await serveFolder(folder.path, files);
    const first = commit('first', []);
    await write('sources', {
      'a/source-repository-demo': `demo git /opt/demo ${server.address}/demo.git main\n`,
      'a/source-repository-data': '# a file\n\ndata file /etc/data $DIB_DATA\nskipped package\n',
      // As upstream's, which isn't part of this repository.
      'source-repositories/extra-data.d/98-source-repositories x': `
read -r name type at location ref < "$TMP_HOOKS_PATH/source-repository-demo"
git clone -q "$location" "$TARGET_ROOT$at"
git -C "$TARGET_ROOT$at" rev-parse -q --verify "$DIB_REPOREF_demo^{commit}" || { echo "Failed to find reference to $DIB_REPOREF_demo"; exit 1; }
echo "$DIB_REPOREF_demo" > "$TARGET_ROOT/etc/commit"
rm -r "$TARGET_ROOT$at"
curl -sf "$DIB_REPOLOCATION_data" > "$TARGET_ROOT/etc/data"`,
    });
    const env = {DIB_RELEASE: 'trixie', DIB_DATA: `${server.address}/data`};
    const asked = (more: Partial<ElementsBuild> = {}) => build('sources', ['a', 'source-repositories'], env, more);
    const {lockFile} = await asked();
    expect([read('sources', 'etc/commit').trim(), read('sources', 'etc/data')]).toEqual([first, 'first']);
    const second = commit('second', [first]);
    files.set('/data', 'second');
    expect(await asked()).toMatchObject({stepsRun: 0});
    await asked({rebuild: true, locked: true});
    expect([read('sources', 'etc/commit').trim(), read('sources', 'etc/data')]).toEqual([first, 'first']);
    const planned = await showPlan(
      {...request('sources', ['a', 'source-repositories']), update: true, lockFile},
      world(env),
    );
    const step = planned.steps.find(({step}) => step.startsWith('source-repositories/'));
    const moved = [`demo ${first.slice(0, 7)} → ${second.slice(0, 7)}`, 'data '];
    expect(moved.some((text) => step?.reason?.startsWith(`source moved: ${text}`))).toBe(true);
    await asked({update: true});
    expect([read('sources', 'etc/commit').trim(), read('sources', 'etc/data')]).toEqual([second, 'second']);
    expect(await readFile(lockFile, 'utf8')).toContain(`pin: "${second}"`);
    commit('another', []);
    const gone = asked({locked: true, rebuild: ['source-repositories/extra-data.d/98-source-repositories']});
    await expect(gone).rejects.toMatchObject({code: 'source-moved', facts: {name: 'demo', pin: second}});
  });

  test("users and passwords in sources' addresses reach their servers, and nothing that is kept", async () => {
    const commit = newRepository('private.git')('first', []);
    await using server = await serveFolder(folder.path, new Map([['/data', 'private']]), 'me:s3same');
    const withLogin = server.address.replace('://', '://me:s3same@');
    await write('private', {
      'a/source-repository-private': `private git /opt/private ${server.address}/private.git main\n`,
      'a/source-repository-data': `data file /etc/data ${withLogin}/data\n`,
      'a/finalise.d/50-manifest x': 'echo "$DIB_ENV" > /etc/asked',
      'source-repositories/extra-data.d/98-source-repositories x': `
git clone -q "$DIB_REPOLOCATION_private" "$TARGET_ROOT/opt-private"
git -C "$TARGET_ROOT/opt-private" rev-parse HEAD > "$TARGET_ROOT/etc/commit"
env | sed '/^GIT_CONFIG_/d' > "$TARGET_ROOT/etc/environment"
cp -r "$TARGET_ROOT/opt-private/.git" "$TARGET_ROOT/etc/cloned"
curl -sf "$DIB_REPOLOCATION_data" > "$TARGET_ROOT/etc/data"`,
    });
    const env = {DIB_RELEASE: 'trixie', DIB_REPOLOCATION_private: `${withLogin}/private.git`};
    events.length = 0;
    const {lockFile} = await build('private', ['a', 'source-repositories'], env);
    expect([read('private', 'etc/commit').trim(), read('private', 'etc/data')]).toEqual([commit, 'private']);
    const warned = events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    expect(warned.filter((text) => text.includes('~/.netrc'))).toHaveLength(2);
    const lock = await readFile(lockFile, 'utf8');
    expect(lock).toContain(`location: "${server.address}/private.git"`);
    const holding = (word: string, ...places: string[]) =>
      spawnSync('grep', ['-rl', '--', word, ...places], {encoding: 'utf8', cwd: folder.path}).stdout.split('\n');
    // The element's own file is what it is, where it is written and where the build has it.
    expect(holding('s3same', 'store', 'private.tar', lockFile).filter(Boolean)).toEqual([]);
    expect(JSON.stringify(events)).not.toContain('s3same');
    expect(holding('commit', 'store').length).toBeGreaterThan(1); // the search finds what is there

    const netrc = `machine 127.0.0.1 login me password s3same\n`;
    await writeFile(join(folder.path, '.netrc'), netrc, {mode: 0o600});
    const own = {DIB_RELEASE: 'trixie', DIB_REPOLOCATION_private: `${server.address}/private.git`, HOME: folder.path};
    const again = await build('private', ['a', 'source-repositories'], own, {locked: true});
    expect(again.stepsRun).toBe(0); // what is asked for is the same
    await build('private', ['a', 'source-repositories'], own, {update: true, rebuild: true});
    await rm(join(folder.path, '.netrc'));
    await write('private', {'a/source-repository-data': `data file /etc/data ${server.address}/data\n`});
    const refused = build('private', ['a', 'source-repositories'], own, {update: true});
    await expect(refused).rejects.toMatchObject({code: 'source-unreachable'});
  });

  test('sources are not looked up where the element that fetches them is kept from the network', async () => {
    await write('kept', {
      'a/source-repository-kept': 'kept git /opt/kept http://127.0.0.1:9/kept.git main\n',
      'source-repositories/element.yaml': 'network: none\n',
      'source-repositories/extra-data.d/98-source-repositories x': 'echo ran > "$TARGET_ROOT/etc/fetched"',
    });
    await build('kept', ['a', 'source-repositories'], {DIB_RELEASE: 'trixie'});
    expect(read('kept', 'etc/fetched')).toBe('ran\n');
  });

  test("packages are installed and removed at the places of upstream's hooks, by the distribution's names", async () => {
    await write('packages', {
      'a/element-deps': 'package-installs\npackager\n',
      'a/environment.d/10-a': 'export DISTRO_NAME=debian\nexport DIB_RELEASE=\nexport WANTED=yes\n',
      'a/package-installs.yaml': [
        'early:\n  phase: pre-install.d',
        'plain:',
        'split:',
        'skipped:',
        'conditional:\n  when: WANTED = yes',
        'other:\n  when: WANTED != yes',
        'compiler:\n  build-only: true',
        'both:\n  arch: i386, amd64',
        'gone:\n  phase: post-install.d\n  uninstall: true\n',
      ].join('\n'),
      'a/pkg-map': JSON.stringify({family: {debian: {split: 'one two'}}, default: {skipped: '', plain: 'simple'}}),
      'b/install.d/package-installs-b': '# first version\ncurl\n-make\n',
      'a/install.d/00-before x': 'echo 00-before >> /etc/order',
      'a/install.d/02-after x': 'echo 02-after >> /etc/order',
    });
    await build('packages', ['a', 'b'], {}, {packages: ['asked-for']});
    expect(read('packages', 'etc/order').trim().split('\n')).toEqual([
      'packages early',
      '00-before',
      'packages both compiler conditional curl make one simple two',
      '02-after',
      'packages -e compiler make',
      'packages asked-for',
      'packages -e gone',
    ]);
  });

  test('install types choose among hooks, by links in the phase', async () => {
    await write('types', {
      'tool/element-deps': 'install-types\n',
      'tool/install.d/tool-source-install/10-tool x': 'echo "source ${0%/*}" > /etc/tool',
      'tool/install.d/tool-package-install/10-tool x': 'echo package > /etc/tool',
      'tool/static/etc/note': 'x',
    });
    await build('types', ['tool', 'install-static']);
    expect(read('types', 'etc/tool')).toBe('source /tmp/in_target.d/install.d\n');
    expect(read('types', 'etc/note')).toBe('x');
    await build('types', ['tool', 'install-static'], {DIB_INSTALLTYPE_tool: 'package'});
    expect(read('types', 'etc/tool')).toBe('package\n');
  });

  test('a resolver configuration of the image comes back, and nothing of the build stays', async () => {
    await write('resolver', {
      'a/root.d/50-a x': 'echo mine > "$TARGET_ROOT/etc/resolv.conf"',
      'a/install.d/10-a x': [
        'test "$(sed -n 1p /etc/resolv.conf.ORIG)" = mine',
        'echo cruft > /tmp/cruft; mkdir -p /var/log; echo line > /var/log/a; mkdir -p /root; echo x > /root/a.log',
      ].join('\n'),
    });
    await build('resolver', ['a']);
    expect(read('resolver', 'etc/resolv.conf')).toBe('mine\n');
    expect(read('resolver', 'var/log/a')).toBe('');
    expect(list('resolver').filter((path) => /ORIG|cruft|\.log$|in_target/.test(path))).toEqual([]);
  });

  test('a hook that reads the folder of all hooks runs again when data of another element changes', async () => {
    await write('data', {
      'merge/extra-data.d/10-merge x': 'cat "$TMP_HOOKS_PATH/../elements"/*/svc-map > "$TMP_MOUNT_PATH/etc/services"',
      'service/svc-map': 'one: x\n',
      'service/install.d/10-hook x': 'true',
    });
    await build('data', ['merge', 'service']);
    await write('data', {'service/svc-map': 'two: x\n'});
    const {steps} = await plan('data', ['merge', 'service']);
    expect(steps.find(({act}) => act === 'run')).toMatchObject({
      step: 'merge/extra-data.d/10-merge',
      reason: 'input changed: data of service',
    });
    await build('data', ['merge', 'service']);
    expect(read('data', 'etc/services')).toBe('two: x\n');
  });

  /** Steps whose keys don't tell all: run again they give something else. */
  describe('of which results come to others', () => {
    const store = () => join(folder.path, 'store');
    const random = 'echo $RANDOM $RANDOM $RANDOM';
    const isStarted = (step: string) => events.some((event) => event.type === 'step started' && event.step === step);

    async function removeResults(keys: readonly (string | undefined)[]): Promise<void> {
      for (const key of keys) await rm(join(store(), 'steps', key ?? ''), {recursive: true});
    }

    /** What the store has of a file, by the steps that the image is planned to consist of. */
    async function inStore(name: string, step: string, path: string): Promise<string> {
      const {steps} = await plan(name, ['a']);
      const {key = ''} = steps.find((planned) => planned.step === step) ?? {};
      return readFile(join(store(), 'steps', key, 'target/tree', path), 'utf8');
    }

    beforeAll(async () => {
      for (const name of ['twice', 'gone', 'other']) {
        await write(name, {
          'a/extra-data.d/10-add x': `
printf '#!/bin/bash\n${random} > /etc/added\n' > "$TMP_HOOKS_PATH/install.d/92-added"
chmod +x "$TMP_HOOKS_PATH/install.d/92-added"`,
          'a/install.d/91-random x': `${random} > /etc/random`,
          'a/install.d/93-copy x': 'cat /etc/random /etc/added > /etc/copy',
        });
      }
    });

    test('two builds make the same steps anew at once: both end, each with its own', async () => {
      await build('twice', ['a']);
      const both = await Promise.all(
        ['one', 'two'].map(async (name) => {
          const rebuild = ['a/extra-data.d/10-add', 'a/install.d/91-random'];
          const asked = {...request('twice', ['a']), rebuild, outputFile: archive(name)};
          const {stepsRun} = await buildImage(asked, world());
          expect(read(name, 'etc/copy')).toBe(read(name, 'etc/random') + read(name, 'etc/added'));
          return {stepsRun, copy: read(name, 'etc/copy')};
        }),
      );
      expect(new Set(both.map(({copy}) => copy)).size).toBe(2);
      expect(both[0]?.stepsRun).toBe(both[1]?.stepsRun);
      expect(await build('twice', ['a'])).toMatchObject({stepsRun: 0});
      expect(both.map(({copy}) => copy)).toContain(read('twice', 'etc/copy'));
    });

    test('a build goes on while another makes anew what it stands on; both end with the same bytes', async () => {
      await write('meanwhile', {
        'a/install.d/40-low x': 'echo low > /etc/low',
        'a/install.d/90-waiting x': 'sleep 2; echo waiting > /etc/waiting',
      });
      events.length = 0;
      const first = build('meanwhile', ['a']);
      await expect.poll(() => isStarted('a/install.d/90-waiting'), {timeout: 60_000, interval: 50}).toBe(true);
      const asked = {...request('meanwhile', ['a']), rebuild: ['a/install.d/40-low'], outputFile: archive('anew')};
      const both = await Promise.all([first, buildImage(asked, world())]);
      const later = await build('meanwhile', ['a']);
      expect(later.stepsRun).toBe(0);
      expect(both.map(({sha256}) => sha256)).toEqual(Array(2).fill(later.sha256));
    });

    test('a --rebuild that was killed: the next build takes what it made, and nothing that stands on what was before', async () => {
      await write('killed', {
        'a/install.d/91-random x': `${random} > /etc/random`,
        'a/install.d/92-waiting x': 'sleep 1',
        'a/install.d/93-copy x': 'cp /etc/random /etc/copy',
      });
      const {elementsPath = []} = request('killed', ['a']);
      const start = (...more: readonly string[]) =>
        startTrovestack(['image', 'build', '--dib', '-n', '-t', 'tar', '-o', path('killed'), 'os', 'a', ...more], {
          env: {TROVESTACK_STORE: store(), ELEMENTS_PATH: elementsPath.join(':')},
        });
      const contents = async () => {
        const {exitCode, stderr} = await start().result;
        expect({exitCode, stderr}).toMatchObject({exitCode: 0});
        return {random: read('killed', 'etc/random'), copy: read('killed', 'etc/copy')};
      };
      const before = await contents();
      const running = start('--rebuild', 'a/install.d/91-random');
      await running.printed(/run a\/install\.d\/91-random \(.*\) \d/); // it is kept; the next one waits
      running.kill('SIGKILL');
      await running.result;
      const after = await contents();
      expect(after.random).not.toBe(before.random);
      expect(after.copy).toBe(after.random);
      await plan('killed', ['a']);
      const kept = await readdir(join(store(), 'steps'));
      const files = kept.map((key) => join(store(), 'steps', key, 'target/tree/etc/random'));
      const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
      expect([texts.includes(before.random), texts.includes(after.random)]).toEqual([false, true]);
    });

    test('all steps are gone, the image is there: it is made of the new ones', async () => {
      await build('gone', ['a']);
      const before = read('gone', 'etc/random');
      const {steps} = await plan('gone', ['a']);
      await removeResults(steps.filter(({step}) => step !== 'disk').map(({key}) => key));
      await build('gone', ['a']);
      expect(read('gone', 'etc/random')).not.toBe(before);
      expect(read('gone', 'etc/random')).toBe(await inStore('gone', 'a/install.d/91-random', 'etc/random'));
      expect(await build('gone', ['a'])).toMatchObject({stepsRun: 0});
    });

    test('the lowest is gone and another image makes it again: nothing is put on it that was made on the old one', async () => {
      await build('gone', ['a']);
      const before = read('gone', 'etc/random');
      const {steps} = await plan('gone', ['a']);
      await removeResults([steps[0]?.key]);
      await build('other', ['a']);
      const planned = await plan('gone', ['a']);
      expect(planned.steps.map(({act}) => act)).toEqual(['reuse', ...planned.steps.slice(1).map(() => 'run')]);
      expect(planned.steps.map(({key}) => key).filter(Boolean)).toEqual([steps[0]?.key]);
      const {stepsRun} = await build('gone', ['a']);
      expect(stepsRun).toBe((await plan('gone', ['a'])).steps.length - 1);
      expect(read('gone', 'etc/random')).not.toBe(before);
    });

    test('the hook that a hook added is hidden while that one is gone: it is run again all the same', async () => {
      await build('gone', ['a']);
      const before = read('gone', 'etc/added');
      const {steps} = await plan('gone', ['a']);
      await removeResults([steps.find(({step}) => step === 'a/extra-data.d/10-add')?.key]);
      await build('gone', ['a']);
      expect(read('gone', 'etc/added')).not.toBe(before);
      expect(read('gone', 'etc/copy')).toBe(read('gone', 'etc/random') + read('gone', 'etc/added'));
    });
  });

  test('a block device of an element is refused', async () => {
    await write('device', {'a/block-device.d/10-a x': 'echo IMAGE_BLOCK_DEVICE=/dev/loop7'});
    await expect(build('device', ['a'])).rejects.toThrow('brings a block device of its own, "/dev/loop7"');
  });

  describe('that cannot be built from', () => {
    async function refusal(name: string, elements: readonly string[]): Promise<TrovestackError> {
      const error: unknown = await plan(name, elements).catch((caught: unknown) => caught);
      if (error instanceof TrovestackError) return error;
      throw error;
    }

    test('are told: names that are no names', async () => {
      for (const [i, name] of ['../escape', 'two words', '/absolute'].entries()) {
        await write(`names${i}`, {'a/element-deps': `${name}\n`});
        const {code, message} = await refusal(`names${i}`, ['a']);
        expect({code, message}).toEqual({code: 'bad-element-name', message: expect.stringContaining(`"${name}"`)});
      }
    });

    test('are told: hooks without an interpreter, by file; those not executable are warned about', async () => {
      await write('shebang', {'a/install.d/10-a x': 'raw echo no', 'a/install.d/20-b': '#!/bin/bash\n'});
      const {code, message} = await refusal('shebang', ['a']);
      expect(code).toBe('hooks-without-interpreter');
      expect(message).toContain(join(folder.path, 'shebang/a/install.d/10-a'));
      expect(events).toContainEqual({
        type: 'warning',
        text: '"a/install.d/20-b" looks like a hook, but isn\'t executable: it is not run',
      });
    });

    test('are told: unreadable lists, by line and column', async () => {
      await write('yaml', {'a/package-installs.yaml': 'good:\nbad: [\n'});
      const {code, words} = await refusal('yaml', ['a']);
      expect(code).toBe('invalid-file');
      expect(Object.keys(words.details ?? {})[0]).toMatch(/package-installs\.yaml:3:1$/);
      await write('map', {'a/pkg-map': '{"default": {"a": 1}}'});
      expect(Object.keys((await refusal('map', ['a'])).words.details ?? {})[0]).toMatch(/pkg-map:1:19$/);
    });

    test('are told: what two provide, and what is asked for though another provides it', async () => {
      await write('provides', {
        'a/element-provides': 'thing\n',
        'b/element-provides': 'thing\n',
        'thing/element-deps': 'a\n',
        'c/element-deps': 'virtual\nd\n',
        'd/element-provides': 'virtual\n',
      });
      expect((await refusal('provides', ['a', 'b'])).message).toContain('"thing" is provided by "a" and "b"');
      expect((await refusal('provides', ['thing'])).message).toContain('"thing" is asked for, and provided by "a"');
      await expect(plan('provides', ['c'])).resolves.toMatchObject({image: 'provides'});
    });

    test('are none when their dependencies form a loop', async () => {
      await write('loop', {'a/element-deps': 'b\n', 'b/element-deps': 'a\n'});
      await expect(plan('loop', ['a'])).resolves.toMatchObject({image: 'loop'});
      await rm(join(folder.path, 'loop'), {recursive: true});
    });
  });
});
