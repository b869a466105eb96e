import {describe, expect, test} from 'vitest';
import {UsageError} from '../base/index.js';
import {parseBlockDevices} from './block-devices.js';
import {bareBlockDevices, guestBlockDevices} from './configurations.js';
import {parseSize} from './size.js';

const root = {type: 'ext4', label: 'cloudimg-rootfs', options: ['-q'], journalMiB: 64};

function parse(text: string) {
  return parseBlockDevices('disk.yaml', text, root);
}

/** Each problem as `line:column message`. */
async function problemsOf(text: string): Promise<string[]> {
  const error = await parse(text).catch((thrown: unknown) => thrown);
  if (!(error instanceof UsageError)) throw error;
  const {problems} = error.facts as {problems: {line: number; column: number; message: string}[]};
  return problems.map(({line, column, message}) => `${line}:${column} ${message}`);
}

const mbr = `- local_loop:
    name: image0
- partitioning:
    base: image0
    label: mbr
    partitions:
      - name: root
        flags: [boot, primary]
        size: 100%
        mkfs:
          mount:
            mount_point: /
            fstab:
              options: "defaults"
              fsck-passno: 1
`;

/** The same disk without nesting. */
const mbrGraph = `- local_loop: {name: image0}
- partitioning:
    base: image0
    label: mbr
    partitions:
      - {name: root, flags: [boot, primary], size: 100%}
- mkfs: {base: root, name: mkfs_root}
- mount: {base: mkfs_root, name: mount_mkfs_root, mount_point: /}
- fstab: {base: mount_mkfs_root, options: defaults, fsck-passno: 1}
`;

/** \`partitions\` below a table of its own, and the root file system on the partition "root". */
function disk(label: string, partitions: string): string {
  const lines = partitions.trimEnd().split('\n');
  return `- local_loop: {name: image0}
- partitioning:
    base: image0
    label: ${label}
    partitions:
${lines.map((line) => `    ${line}`).join('\n')}
`;
}

describe('a block device configuration', () => {
  test('means the same as a tree and as a graph', async () => {
    const tree = await parse(mbr);
    expect(await parse(mbrGraph)).toEqual(tree);
    expect(tree).toEqual({
      table: 'mbr',
      alignBytes: 2 ** 20,
      partitions: [
        {name: 'root', size: {kind: 'percent', percent: 100}, type: '83', isBootable: true, isPrimary: true},
      ],
      filesystems: [
        {
          name: 'mkfs_root',
          partition: 'root',
          type: 'ext4',
          label: 'cloudimg-rootfs',
          options: ['-i', '4096', '-J', 'size=64', '-q'],
          mountPoint: '/',
          fstab: {options: 'defaults', dumpFrequency: 0, passNumber: 1},
        },
      ],
    });
  });

  test('of one file system needs no table', async () => {
    const devices = await parse(bareBlockDevices);
    expect(devices).toMatchObject({table: 'none', partitions: [], filesystems: [{name: 'mkfs_root', mountPoint: '/'}]});
    expect(devices.filesystems[0]).not.toHaveProperty('partition');
  });

  test('of a guest has places for both kinds of firmware', async () => {
    const {table, partitions, filesystems} = await parse(guestBlockDevices('amd64'));
    expect(table).toBe('gpt');
    expect(partitions.map(({name, type}) => `${name} ${type.slice(0, 8)}`)).toEqual([
      'bios 21686148',
      'esp C12A7328',
      'root 4F68BCE3',
    ]);
    expect(filesystems.map(({mountPoint, label}) => `${mountPoint} ${label}`)).toEqual(['/ root', '/boot/efi ESP']);
  });

  test('has parents before what is mounted in them, and labels that vfat can have', async () => {
    const {filesystems} = await parse(
      disk(
        'gpt',
        `
- {name: ESP, type: EF00, size: 100MiB, mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}
- {name: boot, size: 500MiB, mkfs: {type: ext2, mount: {mount_point: /boot}}}
- {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}`,
      ),
    );
    expect(filesystems.map(({mountPoint, label}) => [mountPoint, label])).toEqual([
      ['/', 'cloudimg-rootfs'],
      ['/boot', 'mkfs_boot'],
      ['/boot/efi', 'MKFS_ESP'],
    ]);
  });

  test.each([
    ['an unknown entry', '- local_loopp: {name: image0}', '1:3 Unknown entry "local_loopp"'],
    ['an unknown member', mbr.replace('fsck-passno', 'passno'), '15:15 Unknown member "passno"'],
    ['no disk', '- mkfs: {base: x, type: ext4}', '1:1 One "local_loop" is needed'],
    ['LVM', `${mbr}- lvm: {name: lvm, pvs: []}`, '16:3 LVM volumes cannot be made without device-mapper'],
    ['xfs', mbr.replace('mkfs:', 'mkfs:\n          type: xfs'), '11:17 A file system of type "xfs" cannot be made'],
    ['a table of another kind', mbr.replace('label: mbr', 'label: dos'), '5:12 "label" has to be "mbr" or "gpt"'],
    ['a name given twice', mbr.replace('name: root', 'name: image0'), '7:9 The name "image0" is given twice'],
    ['a size that is none', mbr.replace('100%', 'much'), '9:15 "much" is no size'],
    ['an unknown flag', mbr.replace('boot,', 'boots,'), '8:17 Unknown flag "boots"'],
    ['a flag of mbr on gpt', mbr.replace('label: mbr', 'label: gpt'), '8:23 The flag "primary" is for mbr only'],
    ['no root file system', mbr.replace('mount_point: /', 'mount_point: /srv'), '1:1 No file system is mounted at "/"'],
    ['a mount point with ".."', mbr.replace('mount_point: /', 'mount_point: /a/../b'), '11:11 "mount" needs'],
    ['a base that is not there', mbrGraph.replace('base: root', 'base: rot'), '7:3 There is no partition "rot"'],
    [
      'a long label',
      mbr.replace('mkfs:', 'mkfs:\n          label: a-label-that-is-long'),
      'is too long: ext4 takes 16',
    ],
  ])('%s is told with its place', async (_, text, wanted) => {
    expect((await problemsOf(text)).join('\n')).toContain(wanted);
  });

  test('has all its problems told at once', async () => {
    const text = mbr.replace('100%', 'much').replace('boot,', 'boots,');
    expect(await problemsOf(text)).toHaveLength(2);
  });

  test('that is no YAML is told with its place', async () => {
    expect(await problemsOf('- local_loop: {name')).not.toEqual([]);
  });

  test('has room for four primary partitions, three beside others', async () => {
    const partition = (name: string, flags: string) => `- {name: ${name}, flags: [${flags}], size: 10%}`;
    const five = ['a', 'b', 'c', 'd', 'e'].map((name) => partition(name, 'primary')).join('\n');
    expect((await problemsOf(disk('mbr', five)))[0]).toContain('An mbr has room for 4 primary partitions');
    const mixed = [partition('a', ''), partition('b', 'primary')].join('\n');
    expect((await problemsOf(disk('mbr', mixed)))[0]).toContain('A primary partition cannot follow');
  });
});

describe('a size', () => {
  test.each([
    ['8MiB', {kind: 'bytes', bytes: 8 * 2 ** 20}],
    ['1.5 GB', {kind: 'bytes', bytes: 1_500_000_000}],
    ['2G', {kind: 'bytes', bytes: 2_000_000_000}],
    ['4096', {kind: 'bytes', bytes: 4096}],
    ['50%', {kind: 'percent', percent: 50}],
    ['101%', undefined],
    ['8 MiBs', undefined],
    ['', undefined],
  ])('%s', (text, size) => {
    expect(parseSize(text)).toEqual(size);
  });
});
