import {execFileSync} from 'node:child_process';
import {chmod, mkdir, open, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {hostTraces} from '../rig/host.js';
import {home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** A raw disk with a boot signature and an empty table of the old kind. */
async function writeEmptyDisk(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, 8 * 2 ** 20);
  await using file = await openForWriting(path);
  await file.write(Buffer.from([0x55, 0xaa]), 0, 2, 510);
}

async function openForWriting(path: string) {
  const file = await open(path, 'r+');
  return Object.assign(file, {[Symbol.asyncDispose]: () => file.close()});
}

describe('image verify', () => {
  test('a file that is not there is told, exit 2', async () => {
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', '/nowhere/image.qcow2', '--boot']);
    expect({exitCode, isTold: stderr.includes('error file-not-found')}).toEqual({exitCode: 2, isTold: true});
  });

  test('a file that is no disk image is told at once, exit 2', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'image.qcow2');
    await writeFile(file, 'no disk at all');
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file, '--boot']);
    expect({exitCode, isTold: stderr.includes('error not-a-disk-image')}).toEqual({exitCode: 2, isTold: true});
  });

  test('a qcow2 that was cut short is told at once, exit 2', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'image.qcow2');
    const header = Buffer.alloc(60);
    header.write('QFI\xfb', 'latin1');
    header.writeUInt32BE(3, 4);
    await writeFile(file, header);
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it was cut short');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('a disk without a file system is refused with what is wrong, exit 2, and nothing stays behind', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'disk.raw');
    await writeEmptyDisk(file);
    const before = hostTraces().mounts;
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file, '--boot']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/error not-a-disk-image: .*no ext2, ext3 or ext4 root file system/);
    expect(hostTraces().mounts).toEqual(before);
  });

  test('the rules are told without an image, for people and for programs', async () => {
    const people = await runTrovestack(['image', 'verify', '--rules']);
    expect(people.stdout).toMatch(/^disk\.consistent \(error\): .*\n {2}why .*\n {2}remedy .*\n {2}source /);
    const programs = await runTrovestack(['image', 'verify', '--rules', '--output', 'json']);
    const ids = (JSON.parse(programs.stdout) as {id: string}[]).map(({id}) => id);
    expect(ids).toContain('secrets.private-keys');
    expect(ids.length).toBeGreaterThan(50);
  });

  test('a file of waivers with mistakes is refused with the place of each, exit 2', async () => {
    await using folder = await temporaryFolder();
    const [file, waivers] = [join(folder.path, 'disk.raw'), join(folder.path, 'waivers.yaml')];
    await writeEmptyDisk(file);
    await writeFile(waivers, 'waivers:\n  - {rule: hygiene.log, reason: because we say so, expires: 2030-01-31}\n');
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file, '--waivers', waivers]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/waivers\.yaml:2:12 There is no rule "hygiene\.log"; the nearest is "hygiene\.logs"/);
  });

  describe('of any make', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    const mib = 2 ** 20;

    beforeAll(async () => {
      folder = await temporaryFolder();
      await mkdir(join(folder.path, 'system/etc'), {recursive: true});
      await writeFile(join(folder.path, 'system/etc/os-release'), 'ID=test\n');
      await mkdir(join(folder.path, 'data'));
      await writeFile(join(folder.path, 'data/file'), 'data\n');
    });

    afterAll(() => folder[Symbol.asyncDispose]());

    /** A raw disk; the file systems' folders by their first MiB, each in a partition of an MBR, or one alone without a table. */
    async function writeDisk(name: string, systems: Readonly<Record<number, [tree: string, sizeMiB: number]>>) {
      const file = join(folder.path, name);
      await writeFile(file, '');
      await truncate(file, 64 * mib);
      const sector = Buffer.alloc(512);
      for (const [i, [at, [tree, size]]] of Object.entries(systems).entries()) {
        const start = Number(at) * mib;
        const offset = `offset=${start}`;
        execFileSync('mke2fs', [
          '-q',
          '-F',
          '-t',
          'ext4',
          '-E',
          offset,
          '-d',
          join(folder.path, tree),
          file,
          `${size}M`,
        ]);
        sector.writeUInt8(0x83, 446 + i * 16 + 4);
        sector.writeUInt32LE(start / 512, 446 + i * 16 + 8);
        sector.writeUInt32LE((size * mib) / 512, 446 + i * 16 + 12);
      }
      if (0 in systems) return file;
      sector.writeUInt16LE(0xaa55, 510);
      sector.writeUInt8(0x90, 0); // boot code, for all that can be seen
      const disk = await open(file, 'r+');
      await disk.write(sector, 0, 512, 0);
      await disk.close();
      return file;
    }

    test('a disk with an MBR, a disk that is one file system: the root is found by what is in it', async () => {
      const mbr = await writeDisk('mbr.raw', {1: ['data', 40], 48: ['system', 12]});
      const whole = await writeDisk('whole.raw', {0: ['system', 64]});
      const ofMbr = await runTrovestack(['image', 'verify', mbr]);
      expect(ofMbr.stderr).toContain('partition 2 is taken for the root file system: it has /etc/os-release');
      expect(ofMbr.stdout).not.toMatch(/ disk\.(partition-table|bootable|clean-file-system) /);
      await chmod(whole, 0o600);
      const ofWhole = await runTrovestack(['image', 'verify', whole]);
      expect(ofWhole.stderr).toContain('the whole disk is taken for the root file system');
      expect(ofWhole.stdout).toContain('one file system fills the disk');
      expect([ofMbr.exitCode, ofWhole.exitCode]).toEqual([3, 3]); // much of a system is missing
      const diff = await runTrovestack(['image', 'diff', mbr, whole]);
      expect(diff.stdout).toContain('note: partition 2 is taken for the root file system: it has /etc/os-release');
      expect(diff.stdout).toContain('note: the whole disk is taken for the root file system');
      expect(diff.stdout).not.toMatch(/^ .*os-release/m);
    });
  });
});

describe('diagnose', () => {
  const consoles = join(home, 'tests/fixtures/consoles');

  test('names the cause and its remedy, exit 3', async () => {
    const {exitCode, stdout} = await runTrovestack(['diagnose', join(consoles, 'docker.log')]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(
      /^image: docker: docker\.service failed: unable to configure.*\n {2}remedy {3}see that Docker/,
    );
    expect(stdout).toContain('  24.0 s  user data');
  });

  test('a console of a guest that serves: exit 0', async () => {
    const {exitCode, stdout} = await runTrovestack(['diagnose', join(consoles, 'serves.log'), '--output', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({serves: true});
  });

  test('a file that is not there is told, exit 2', async () => {
    const {exitCode, stderr} = await runTrovestack(['diagnose', '/nowhere/console.log']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Cannot read console "/nowhere/console.log"');
  });
});
