import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {DamagedFileSystem, openExt4, openRawDisk} from '../../src/disk/index.js';
import {orderListing, type TreeEntry} from '../../src/inspection/index.js';
import {temporaryFolder} from '../rig/trovestack.js';

/** File systems that mke2fs(8) makes of a folder hold what the folder holds. */
describe('reading a file system without mounting it', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let tree: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    tree = join(folder.path, 'tree');
    await mkdir(join(tree, 'many'), {recursive: true});
    await writeFile(join(tree, 'empty'), '');
    await writeFile(join(tree, 'small'), 'small\n');
    await writeFile(join(tree, 'large'), Buffer.alloc(6 * 2 ** 20, 'abcdefg'));
    await writeFile(join(tree, 'sparse'), 'start');
    await truncate(join(tree, 'sparse'), 5 * 2 ** 20);
    const end = await open(join(tree, 'sparse'), 'r+');
    await end.write('middle', 3 * 2 ** 20);
    await end.close();
    // Enough names for a folder of several blocks, and of an index.
    await Promise.all(
      Array.from({length: 700}, (_, i) => writeFile(join(tree, 'many', `a rather long name ${i}`), `${i}`)),
    );
    await link(join(tree, 'small'), join(tree, 'many/another name'));
    await symlink('small', join(tree, 'short link'));
    await symlink(`/${'a/long/target'.repeat(10)}`, join(tree, 'long link'));
    await writeFile(join(tree, 'owned'), 'x');
    await chown(join(tree, 'owned'), 100_000, 70_000);
    await chmod(join(tree, 'owned'), 0o6711);
    await utimes(join(tree, 'owned'), 1_600_000_000, 1_700_000_000);
    execFileSync('mkfifo', [join(tree, 'fifo')]);
    execFileSync('python3', ['-c', attributes, tree]);
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  test.each([
    ['ext4', ['-t', 'ext4']],
    ['ext4 with blocks of 1 KiB', ['-t', 'ext4', '-b', '1024', '-I', '256']],
    ['ext3, whose files have maps of blocks', ['-t', 'ext3', '-b', '1024']],
    ['ext2 with small inodes', ['-t', 'ext2', '-I', '128', '-b', '1024']],
  ])('%s: paths, kinds, owners, modes, times, targets, content', async (_name, options) => {
    const disk = join(folder.path, 'disk');
    execFileSync('mke2fs', ['-q', '-F', ...options, '-d', tree, disk, '64M']);
    await using open = await openRawDisk(disk);
    const fs = await openExt4(open.read, open.sizeBytes);
    if (typeof fs !== 'object') throw new Error(`not opened: ${fs}`);
    const found = await fs.list((path) => path === '/small', new AbortController().signal);
    const seen = orderListing(found.entries).filter(({path}) => !path.startsWith('/lost+found') && path !== '/');
    expect(seen.map((entry) => withoutAttributes(entry))).toEqual(await expected(tree));
    expect(found.contents.get('/small')?.toString()).toBe('small\n');
    const small = seen.find(({path}) => path === '/owned');
    const {signal} = new AbortController();
    expect(await fs.look('/many/another name', signal)).toEqual({type: 'file', content: Buffer.from('small\n')});
    expect(await fs.look('/short link', signal)).toEqual({type: 'link'});
    expect(await fs.look('/large', signal)).toEqual({type: 'file'});
    for (const path of ['/nothing', '/small/below', '/short link/below'])
      expect(await fs.look(path, signal)).toBe(undefined);
    expect(small?.attributes?.['user.note']).toBe(Buffer.from('a note').toString('base64'));
  });

  test('damage below a folder is told, not passed over', async () => {
    const disk = join(folder.path, 'damaged');
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, disk, '64M']);
    const block = /^(\d+)/.exec(
      execFileSync('debugfs', ['-R', 'blocks /many', disk], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}),
    )?.[1];
    const file = await open(disk, 'r+');
    await file.write(Buffer.alloc(64, 0xff), 0, 64, Number(block) * 4096);
    await file.close();
    await using raw = await openRawDisk(disk);
    const fs = await openExt4(raw.read, raw.sizeBytes);
    if (typeof fs !== 'object') throw new Error(`not opened: ${fs}`);
    await expect(fs.list(() => false, new AbortController().signal)).rejects.toThrow(DamagedFileSystem);
  });

  test('one that says it is larger than its disk is left alone, with both sizes', async () => {
    const disk = join(folder.path, 'cut');
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, disk, '64M']);
    await truncate(disk, 60 * 2 ** 20);
    await using raw = await openRawDisk(disk);
    expect(await openExt4(raw.read, raw.sizeBytes)).toBe(
      'it has 67108864 bytes by its superblock, and 62914560 are there',
    );
  });

  test('a file of many names is read once, however many', async () => {
    const linked = join(folder.path, 'linked');
    await mkdir(linked);
    await writeFile(join(linked, '0'), Buffer.alloc(2 ** 20, 'x'));
    for (let i = 1; i < 1000; i++) await link(join(linked, '0'), join(linked, `${i}`));
    const disk = join(folder.path, 'links');
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', linked, disk, '16M']);
    await using raw = await openRawDisk(disk);
    let readBytes = 0;
    const read = (offset: number, length: number) => {
      readBytes += length;
      return raw.read(offset, length);
    };
    const fs = await openExt4(read, raw.sizeBytes);
    if (typeof fs !== 'object') throw new Error(`not opened: ${fs}`);
    const {entries} = await fs.list(() => false, new AbortController().signal);
    const files = entries.filter(({type}) => type === 'file');
    expect([files.length, new Set(files.map(({sha256}) => sha256)).size]).toEqual([1000, 1]);
    expect(readBytes).toBeLessThan(4 * 2 ** 20);
  });

  test('more paths and texts than a listing holds end the reading', async () => {
    const disk = join(folder.path, 'listed');
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, disk, '64M']);
    await using raw = await openRawDisk(disk);
    const fs = await openExt4(raw.read, raw.sizeBytes);
    if (typeof fs !== 'object') throw new Error(`not opened: ${fs}`);
    const {signal} = new AbortController();
    const tooMany = 'its paths and texts are more than the 100000 bytes that a listing holds';
    await expect(fs.list(() => false, signal, 100_000)).rejects.toThrow(tooMany);
    expect((await fs.list(() => false, signal, 1_000_000)).entries.length).toBeGreaterThan(700);
    await expect(fs.list((path) => path === '/large', signal, 1_000_000)).rejects.toThrow(/1000000 bytes/);
  });

  /** A file system whose file `small` says that it has so many bytes. */
  async function withSizeOf(sizeBytes: number, signal: AbortSignal) {
    const disk = join(folder.path, 'sized');
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, disk, '64M']);
    execFileSync('debugfs', ['-w', '-R', `set_inode_field /small size ${sizeBytes}`, disk], {stdio: 'ignore'});
    await using raw = await openRawDisk(disk);
    const fs = await openExt4(raw.read, raw.sizeBytes);
    if (typeof fs !== 'object') throw new Error(`not opened: ${fs}`);
    return await fs.list(() => false, signal);
  }

  test('a size that no file can have is told', async () => {
    const listed = withSizeOf(2 ** 45, new AbortController().signal);
    await expect(listed).rejects.toThrow(/inode \d+ has 35184372088832 bytes/);
  });

  test('a hole of terabytes is left when the reading is called off', async () => {
    const startedAt = performance.now();
    await expect(withSizeOf(2 ** 43, AbortSignal.timeout(1500))).rejects.toThrow(/timeout/i);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});

const attributes = `
import os, sys
os.setxattr(sys.argv[1] + '/owned', 'user.note', b'a note')
`;

function withoutAttributes({attributes: _, ...rest}: TreeEntry): TreeEntry {
  return rest;
}

/** The same, as lstat(2) has it. */
async function expected(tree: string): Promise<readonly TreeEntry[]> {
  const paths = (await readdir(tree, {recursive: true})).map((path) => `/${path}`);
  const entries = await Promise.all(
    paths.map(async (path): Promise<TreeEntry> => {
      const full = join(tree, path);
      const stats = await lstat(full);
      const isLink = stats.isSymbolicLink();
      const type = isLink ? 'link' : stats.isDirectory() ? 'folder' : stats.isFIFO() ? 'fifo' : 'file';
      return {
        path,
        type,
        mode: stats.mode & 0o7777,
        uid: stats.uid,
        gid: stats.gid,
        sizeBytes: type === 'file' || isLink ? stats.size : 0,
        modifiedAt: Math.floor(stats.mtimeMs / 1000),
        ...(type === 'file'
          ? {
              sha256: createHash('sha256')
                .update(await readFile(full))
                .digest('hex') as never,
            }
          : {}),
        ...(isLink ? {target: await readlink(full)} : {}),
        ...(path === '/small' ? {hardLinkOf: '/many/another name'} : {}),
      };
    }),
  );
  return orderListing(entries);
}
