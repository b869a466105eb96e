import {execFileSync} from 'node:child_process';
import {chmod, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import {type AddressInfo, connect} from 'node:net';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {afterAll, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest';
import type {Deb} from '../../src/archive/index.js';
import {pathsFrom, sha256, type World} from '../../src/base/index.js';
import {Downloads} from '../../src/workflows/download.js';
import {type LentPackages, lendPackages} from '../../src/workflows/lend-packages.js';
import {ownMirrors} from '../../src/workflows/own-mirrors.js';
import {PackageArchive} from '../../src/workflows/package-archive.js';
import {openWorkshop, type Workshop} from '../../src/workflows/workshop.js';
import {home, temporaryFolder} from '../rig/trovestack.js';

/** A mirror on this machine whose files change as a test wants it. */
describe('a package archive', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: Server;
  let workshop: Workshop;
  let downloads: Downloads;
  let world: World;
  let address: string;
  const files = new Map<string, string>();
  /** What the server's clients said of themselves. */
  const told: (string | undefined)[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    server = createServer((request, response) => {
      told.push(request.headers.authorization);
      const text = files.get(request.url ?? '');
      response.writeHead(text === undefined ? 404 : 200).end(text ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = {...process.env, TROVESTACK_STORE: join(folder.path, 'store'), no_proxy: '127.0.0.1'};
    world = {emit: () => {}, signal: new AbortController().signal, env, paths: pathsFrom(env, home)};
    workshop = await openWorkshop(world);
    downloads = await Downloads.open(world);
  });

  afterAll(async () => {
    await downloads[Symbol.asyncDispose]();
    await workshop[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await folder[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    files.clear();
    publish('Sat, 12 Sep 2026 07:55:41 UTC');
  });

  function publish(date: string): void {
    files.set('/debian/dists/sid/InRelease', `Date: ${date}\nSHA256:\n ${sha256('')} 0 main/binary-amd64/Packages\n`);
  }

  function archive(isOnline = true): PackageArchive {
    const mirrors = {archive: `${address}/debian`, security: `${address}/debian-security`};
    return new PackageArchive(workshop, isOnline ? downloads : undefined, mirrors, 'amd64', world);
  }

  function deb(name: string, content: string): Deb {
    const path = `pool/main/${name}_1_all.deb`;
    files.set(`/debian/${path}`, content);
    return {
      ...{name, version: '1', architecture: 'all', sizeBytes: content.length, sha256: sha256(content)},
      ...{archive: 'debian', suite: 'sid', component: 'main', path},
    };
  }

  test('that changes in the middle of a build stays what it was for that build', async () => {
    const ours = archive();
    const before = await ours.stateOf('sid');
    publish('Sun, 13 Sep 2026 07:55:41 UTC');
    expect(await ours.stateOf('sid')).toEqual(before);
    const after = await archive().stateOf('sid');
    expect(after.suites[0]?.date).toBe((before.suites[0]?.date ?? 0) + 86_400);
  });

  /** Speaks to a lent archive as apt's method does, until it has that many answers or is cut off. */
  async function converse(lent: LentPackages, text: string, count = 1): Promise<string[]> {
    const [{from} = {from: ''}] = lent.mounts('').flatMap((mount) => (mount.kind === 'bind' ? [mount] : []));
    const socket = connect(`${from}/socket`);
    socket.on('error', () => {});
    socket.write(text);
    let printed = '';
    await new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
        if (printed.split('\n').length > count) resolve();
      });
    });
    socket.destroy();
    return printed.split('\n').slice(0, -1);
  }

  const lending = {mirrors: undefined, tools: {layers: [], changes: 'none'}} as const;

  test('cuts off a line without end, and answers others, however many they ask for', async () => {
    const ours = archive();
    await using lent = await lendPackages(ours, {...lending, mirrors: ours.mirrors}, workshop);
    expect(await converse(lent, 'a'.repeat(200_000))).toEqual([]);
    const request = `${address}/debian/dists/sid/InRelease`;
    const answers = await converse(lent, `${request}\t\n`.repeat(20_000), 20_000);
    expect(answers).toHaveLength(20_000);
    expect(new Set(answers)).toEqual(new Set([expect.stringContaining(`${request}\tfile\t`)]));
  });

  test('tells a full disk as that, though apt hears only that it gets nothing', async () => {
    const ours = archive();
    await using lent = await lendPackages(ours, {...lending, mirrors: ours.mirrors}, workshop);
    const full = Object.assign(new Error('ENOSPC: no space left on device'), {code: 'ENOSPC'});
    const keep = vi.spyOn(workshop.store.packages, 'keep').mockRejectedValueOnce(full);
    const [answer] = await converse(lent, `${address}/debian/dists/sid/InRelease\t\n`);
    keep.mockRestore();
    expect(answer).toContain('\tnone\tENOSPC');
    expect(lent.trouble('a step')).toMatchObject({code: 'disk-full'});
  });

  test("tells a mirror's server user and password, and nobody where the mirror is", async () => {
    const withLogin = address.replace('://', '://me:s3same@');
    const env = {DIB_DISTRIBUTION_MIRROR: `${withLogin}/debian`};
    const {mirrors, credentials} = await ownMirrors({...world, env});
    expect(mirrors).toEqual({archive: `${address}/debian`, security: `${address}/debian-security`});
    await using own = await Downloads.open(world, credentials);
    told.length = 0;
    await new PackageArchive(workshop, own, mirrors, 'amd64', world).stateOf('sid');
    await archive().stateOf('sid');
    expect(told).toEqual([`Basic ${Buffer.from('me:s3same').toString('base64')}`, undefined]);
  });

  test('gives a package by its digest, also when the mirror has it no longer', async () => {
    const hello = deb('hello', 'hello');
    expect(await archive().fetchAll([hello])).toEqual([]);
    files.clear();
    expect(await archive(false).fetchAll([hello])).toEqual([]);
  });

  test('gives any file as it is now, or as it has to be; also one of this machine that is open to all', async () => {
    files.set('/source.tgz', 'first');
    const first = await archive().fetchFile(`${address}/source.tgz`);
    expect(first).toEqual({kind: 'found', sha256: sha256('first'), sizeBytes: 5});
    files.set('/source.tgz', 'second');
    const other = archive().fetchFile(`${address}/source.tgz`, sha256('another'));
    expect(await other).toMatchObject({kind: 'altered'});
    expect(await archive(false).fetchFile(`${address}/source.tgz`, sha256('first'))).toEqual(first);
    const own = join(folder.path, 'own file');
    await writeFile(own, 'own');
    const fetchOwn = () => archive(false).fetchFile(pathToFileURL(own).href);
    expect(await fetchOwn()).toMatchObject({kind: 'unreachable', problem: expect.stringMatching(/^not everybody may/)});
    await chmod(folder.path, 0o755);
    expect(await fetchOwn()).toEqual({kind: 'found', sha256: sha256('own'), sizeBytes: 3});
    await chmod(own, 0o600);
    expect(await fetchOwn()).toMatchObject({kind: 'unreachable'});
    expect(await archive().fetchFile('file:///nowhere/at/all')).toMatchObject({kind: 'moved'});
    const pipe = join(folder.path, 'pipe');
    execFileSync('mkfifo', ['-m', '0644', pipe]);
    for (const path of [pipe, '/dev/zero', folder.path]) {
      const found = await archive().fetchFile(pathToFileURL(path).href);
      expect(found).toMatchObject({kind: 'moved', problem: 'it is no regular file'});
    }
  });

  test('says which packages are gone', async () => {
    const gone = deb('gone', 'was here');
    files.clear();
    expect(await archive().fetchAll([gone])).toEqual([gone]);
  });

  test('refuses a package with another digest than it should have', async () => {
    const altered = deb('altered', 'as it was signed');
    files.set(`/debian/${altered.path}`, 'something else');
    await expect(archive().fetchAll([altered])).rejects.toMatchObject({code: 'package-altered'});
  });

  test("names what isn't in the store, without network", async () => {
    const missing = archive(false).fetchAll([deb('one', '1'), deb('two', '2')]);
    await expect(missing).rejects.toMatchObject({code: 'not-at-hand', facts: {files: ['one 1', 'two 1']}});
  });

  test('refuses a sign-in page in place of an index', async () => {
    files.set('/debian/dists/sid/InRelease', '<html>please sign in</html>');
    await expect(archive().stateOf('sid')).rejects.toMatchObject({code: 'package-altered'});
  });
});
