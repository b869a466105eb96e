import {execFileSync} from 'node:child_process';
import {chmod, mkdir, rm, stat, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {pathsFrom, type World} from '../../src/base/index.js';
import {readDiskFile} from '../../src/disk/index.js';
import type {ImageContent} from '../../src/inspection/index.js';
import {type ImageTools, openImageTools, type ReadingLimits} from '../../src/workflows/image-tools.js';
import {probeDisk} from '../../src/workflows/probe-disk.js';
import {readImage} from '../../src/workflows/read-image.js';
import {openWorkshop, type Workshop} from '../../src/workflows/workshop.js';
import {writeDiskWithImpossibleTable, writeExpandingQcow2} from '../rig/hostile-images.js';
import {home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** Image files that are made to keep whoever reads them busy, or to take all there is. */
describe('an image that means harm', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let workshop: Workshop;
  const world: World = {
    emit() {},
    signal: new AbortController().signal,
    env: process.env,
    paths: pathsFrom(process.env, home),
  };
  const generous: ReadingLimits = {
    dataBytes: 2 ** 30,
    memoryBytes: 4 * 2 ** 30,
    timeMs: 4 * 60_000,
    passwordsMs: 60_000,
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    workshop = await openWorkshop(world);
  });

  afterAll(async () => {
    await workshop[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** A disk that is one file system with some files. */
  async function writeFileSystem(
    name: string,
    size: string,
    files: Record<string, string>,
    feature = 'has_journal',
  ): Promise<string> {
    const [tree, disk] = [join(folder.path, `${name}.tree`), join(folder.path, name)];
    await mkdir(join(tree, 'etc'), {recursive: true});
    for (const [path, text] of Object.entries(files)) await writeFile(join(tree, path), text);
    const options = ['-q', '-F', '-t', 'ext4', '-O', feature, '-d', tree];
    execFileSync('mke2fs', [...options, disk, size], {stdio: ['ignore', 'ignore', 'pipe']});
    await rm(tree, {recursive: true});
    return disk;
  }

  async function tooled<T>(path: string, limits: Partial<ReadingLimits>, use: (tools: ImageTools) => Promise<T>) {
    const disk = await readDiskFile(path);
    return use(await openImageTools(disk, workshop, world, {...generous, ...limits}));
  }

  async function read(path: string, limits: Partial<ReadingLimits>) {
    const disk = await readDiskFile(path);
    return tooled(path, limits, (tools) => readImage(disk, workshop, world, tools));
  }

  /** What programs say of a disk that is one file system. */
  async function probe(path: string, limits: Partial<ReadingLimits>, texts: ImageContent['texts'] = {}) {
    const disk = await readDiskFile(path);
    const {virtualSizeBytes} = disk;
    const root = {number: 0, startBytes: 0, sizeBytes: virtualSizeBytes, type: '', mountPoint: '/'};
    const found = {virtualSizeBytes, table: 'none', hasBootCode: false, partitions: [root]} as const;
    const content: ImageContent = {form: 4, ...found, listing: [], texts, notes: []};
    return tooled(path, limits, (tools) => probeDisk(disk, content, tools));
  }

  test('and unpacks to a thousand times its size is refused before a byte of it is written', async () => {
    const file = join(folder.path, 'expanding.qcow2');
    await writeExpandingQcow2(file, 128);
    expect((await stat(file)).size).toBeLessThan(2 ** 20);
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file]);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(
      `error image-over-limit: Cannot finish unpacking of the image "${file}": it takes more than 64 GiB of data`,
    );
    expect(stderr).toContain('made to do harm');
  });

  test('and has a password that takes for ever to try', async () => {
    const shadow = 'root:$6$rounds=999999999$salt$hash:1:0:99999:7:::\n';
    const disk = await writeFileSystem('slow-password', '16M', {'etc/shadow': shadow});
    const {content} = await read(disk, {});
    await expect(probe(disk, {passwordsMs: 2000}, content.texts)).rejects.toMatchObject({
      code: 'image-over-limit',
      facts: {file: disk, doing: 'trying passwords', limit: '2 s'},
    });
  });

  test('and has a file system of terabytes to check', async () => {
    const disk = await writeFileSystem('huge', '4T', {'etc/os-release': 'ID=huge\n'}, '^has_journal');
    await expect(probe(disk, {timeMs: 1000})).rejects.toMatchObject({
      code: 'image-over-limit',
      facts: {file: disk, doing: 'checking the root file system', limit: '1 s'},
    });
  });

  test('and has a hole of terabytes to read', async () => {
    const disk = await writeFileSystem('hole', '16M', {'etc/hole': ''});
    execFileSync('debugfs', ['-w', '-R', `set_inode_field /etc/hole size ${2 ** 41}`, disk], {stdio: 'ignore'});
    await expect(read(disk, {timeMs: 2000})).rejects.toMatchObject({
      code: 'image-over-limit',
      facts: {file: disk, doing: 'reading the files', limit: '2 s'},
    });
  });

  test('and asks for more memory than a program may have', async () => {
    const disk = await writeFileSystem('memory', '16M', {'etc/os-release': 'ID=memory\n'});
    await expect(probe(disk, {memoryBytes: 2 ** 21})).rejects.toMatchObject({code: 'image-over-limit'});
  });

  test('and has partitions where nothing can be', async () => {
    const disk = join(folder.path, 'impossible.raw');
    await writeDiskWithImpossibleTable(disk);
    await truncate(disk, 4 * 2 ** 20);
    await expect(read(disk, {})).rejects.toMatchObject({code: 'not-a-disk-image'});
  });
});
