import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {UsageError} from '../base/index.js';
import {type BlockDevices, parseBlockDevices} from './block-devices.js';
import {bareBlockDevices, guestBlockDevices} from './configurations.js';
import {fileSystemTable} from './fstab.js';
import {bootPlace, earlyConfiguration, grubConfiguration, patchBiosImages, upstreamBootSettings} from './grub.js';
import {checkContent, diskSize, ext4SizeMiB, layoutDisk, sectorBytes, sfdiskInput, uuidFrom} from './layout.js';
import {mkfsCommand} from './mkfs.js';

const rootChoice = {type: 'ext4', label: 'cloudimg-rootfs', options: [], journalMiB: 64};
const mib = 2048;
const gib = 2 ** 30;

const guest = await parseBlockDevices('guest', guestBlockDevices('amd64'), rootChoice);
const bare = await parseBlockDevices('bare', bareBlockDevices, rootChoice);
const mixed = await devices('mbr', [
  '{name: a, flags: [boot, primary], size: 100MiB, mkfs: {type: ext4, mount: {mount_point: /boot}}}',
  '{name: b, size: 50%, mkfs: {mount: {mount_point: /srv}, type: ext4}}',
  '{name: root, size: 100%, mkfs: {mount: {mount_point: /}}}',
]);

async function devices(label: string, partitions: readonly string[]): Promise<BlockDevices> {
  const lines = partitions.map((partition) => `      - ${partition}`).join('\n');
  const text = `- local_loop: {name: image0}
- partitioning:
    base: image0
    label: ${label}
    partitions:
${lines}
`;
  return parseBlockDevices('test', text, rootChoice);
}

describe('identities', () => {
  test('are UUIDs of version 5, and follow from the build key', () => {
    expect(uuidFrom('x')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(layoutDisk(guest, gib, 'key')).toEqual(layoutDisk(guest, gib, 'key'));
    const [one, other] = [layoutDisk(guest, gib, 'key'), layoutDisk(guest, gib, 'other')];
    expect(one.diskId).not.toBe(other.diskId);
    const all = [one.diskId, ...one.partitions.map(({uuid}) => uuid), ...one.filesystems.map(({uuid}) => uuid)];
    expect(new Set(all).size).toBe(6);
  });
});

describe('a gpt', () => {
  const layout = layoutDisk(guest, (1000 + 64 + 1 + 2) * 2 ** 20, 'key');

  test('has partitions one after the other, on whole MiB, with room for its second copy', () => {
    const ends = layout.partitions.map(({start, size}) => [start, start + size]);
    expect(ends).toEqual([
      [2048, 4096],
      [4096, 135168],
      [135168, 135168 + 1000 * mib],
    ]);
    expect(layout.totalSectors).toBe(135168 + 1000 * mib + mib);
    expect(layout.biosCore).toEqual({start: 2048, size: 2048});
  });

  test('is told to sfdisk with every identity, so that it draws none itself', () => {
    const lines = sfdiskInput(layout, 'disk.raw').split('\n');
    expect(lines[0]).toBe('label: gpt');
    expect(lines[3]).toMatch(/^disk\.raw1 : start=2048, size=2048, type=21686148-.*, uuid=.*, name="bios"$/);
    expect(lines.filter((line) => line.includes('uuid='))).toHaveLength(3);
  });
});

describe('an mbr', () => {
  const layout = layoutDisk(mixed, gib, 'key');

  test('has an extended partition for those that are not primary, each behind its own small table', () => {
    const places = layout.partitions.map(({number, name, start, size}) => [number, name, start / mib, size / mib]);
    expect(places).toEqual([
      [1, 'a', 1, 100],
      [2, 'extended', 101, 923],
      [5, 'b', 102, 461],
      [6, 'root', 564, 460],
    ]);
    expect(sfdiskInput(layout, 'disk.raw')).toContain('disk.raw1 : start=2048, size=204800, type=83, bootable\n');
  });

  test('has room for GRUB before the first partition', () => {
    expect(layout.biosCore).toEqual({start: 1, size: 2047});
  });
});

describe('a disk without a table', () => {
  test('is its file system', () => {
    const layout = layoutDisk(bare, gib, 'key');
    expect(layout).toMatchObject({partitions: [], filesystems: [{start: 0, size: gib / sectorBytes}]});
    expect(layout).not.toHaveProperty('biosCore');
  });
});

describe('the size of a disk', () => {
  const headroom = {kind: 'headroom', headroom: 0.2, freeMiB: 256} as const;

  test('follows the root file system, with the free share and never less than the least', () => {
    expect(ext4SizeMiB(2000, 0.2, 256)).toBeGreaterThan(2400);
    expect(ext4SizeMiB(100, 0.2, 256)).toBeGreaterThan(100 + 256);
    const bytes = diskSize(guest, headroom, {mkfs_root: 2000 * 1024});
    const [, , root] = layoutDisk(guest, bytes, 'key').partitions;
    expect(root?.size).toBe(ext4SizeMiB(2000, 0.2, 256) * mib);
  });

  test("is upstream's: content divided by 0.6, and the journal, in steps of 64 KiB", () => {
    const content = {mkfs_root: 600_000};
    expect(diskSize(bare, {kind: 'upstream', journalMiB: 64}, content)).toBe(1_065_536 * 1024);
    const more = diskSize(bare, {kind: 'upstream', extraMiB: 100, journalMiB: 64}, content);
    expect(more).toBe((600_000 + 164 * 1024) * 1024);
    expect(diskSize(bare, {kind: 'upstream', journalMiB: 64}, {mkfs_root: 1}) % 65536).toBe(0);
  });

  test('is what was asked for, the configuration first', () => {
    expect(diskSize(guest, {kind: 'fixed', diskBytes: 5 * gib}, {})).toBe(5 * gib);
    expect(diskSize({...guest, sizeBytes: gib}, {kind: 'fixed', diskBytes: 5 * gib}, {})).toBe(gib);
  });

  test('holds the content of every share', () => {
    fc.assert(
      fc.property(fc.nat(8_000_000), fc.nat(8_000_000), (root, srv) => {
        const content = {mkfs_root: root, mkfs_b: srv, mkfs_a: 50_000};
        const layout = layoutDisk(mixed, diskSize(mixed, headroom, content), 'key');
        checkContent(layout, content);
      }),
    );
  });

  test('that is too small is refused, with what is needed', () => {
    expect(() => layoutDisk(guest, 64 * 2 ** 20, 'key')).toThrow(UsageError);
    const layout = layoutDisk(guest, gib, 'key');
    expect(() => checkContent(layout, {mkfs_root: 2 * 2 ** 20})).toThrow('the files of "/" needs 2048 MiB');
  });
});

describe('fstab', () => {
  const {filesystems} = layoutDisk(guest, gib, 'key');

  test('names file systems by their identity, or by their label', () => {
    const [root, esp] = filesystems;
    expect(fileSystemTable(filesystems, 'uuid')).toBe(
      `UUID=${root?.uuid} / ext4 defaults,discard,errors=remount-ro,x-systemd.growfs 0 1\n` +
        `UUID=${esp?.uuid} /boot/efi vfat noauto,umask=0077 0 2\n`,
    );
    expect(fileSystemTable(filesystems, 'label')).toContain('LABEL=ESP /boot/efi vfat');
    expect(esp?.uuid).toMatch(/^[0-9A-F]{4}-[0-9A-F]{4}$/);
  });
});

describe('mkfs', () => {
  test("hears one -E, with the configuration's and ours", () => {
    const [filesystem] = layoutDisk(guest, gib, 'key').filesystems;
    if (!filesystem) throw new Error('no file system');
    const command = mkfsCommand({...filesystem, options: ['-E', 'resize=9', '-m', '1']}, 'disk', '/content');
    const offset = filesystem.start * sectorBytes;
    const extended = `resize=9,hash_seed=${filesystem.uuid},root_owner=0:0,offset=${offset}`;
    expect(command).toEqual([
      ...['mke2fs', '-q', '-F', '-t', 'ext4', '-m', '1', '-L', 'root', '-U', filesystem.uuid],
      ...['-E', extended, '-d', '/content', 'disk', `${filesystem.size / 2}K`],
    ]);
  });

  test('gives vfat a file of its own, its label and volume id', () => {
    const [, esp] = layoutDisk(guest, gib, 'key').filesystems;
    if (!esp) throw new Error('no file system');
    expect(mkfsCommand(esp, 'own', '/content').join(' ')).toBe(
      `mkfs.vfat --invariant -F 32 -i ${esp.uuid.replace('-', '')} -n ESP own`,
    );
  });
});

describe('GRUB for BIOS', () => {
  test('is patched in four fields and nowhere else', () => {
    const {boot, core} = patchBiosImages(Buffer.alloc(512, 7), Buffer.alloc(2048, 9), 2048);
    expect(boot).toHaveLength(440);
    expect(boot.readBigUInt64LE(0x5c)).toBe(2048n);
    expect([...boot.subarray(0x64, 0x68)]).toEqual([0xff, 7, 0x90, 0x90]);
    expect(core.readBigUInt64LE(0x1f4)).toBe(2049n);
    expect([...boot].filter((byte) => byte === 7)).toHaveLength(440 - 8 - 1 - 2);
    expect([...core].filter((byte) => byte === 9)).toHaveLength(2048 - 8);
  });

  test("starts the kernel by its link, with the definition's arguments", () => {
    const {filesystems} = layoutDisk(guest, gib, 'key');
    const place = bootPlace(filesystems);
    const [root] = filesystems;
    if (!place || !root) throw new Error('no place');
    const settings = {timeoutSeconds: 0, kernelArguments: ['quiet', 'console=ttyS0']};
    const files = {kernel: '/vmlinuz', initramfs: '/initrd.img'};
    const text = grubConfiguration(root, 'uuid', place, files, settings);
    expect(text).toContain(`linux /vmlinuz root=UUID=${root.uuid} ro quiet console=ttyS0\n  initrd /initrd.img\n`);
    expect(grubConfiguration(root, 'label', place, {kernel: '/vmlinuz'}, settings)).toMatch(
      /linux \/vmlinuz root=LABEL=root ro quiet console=ttyS0\n}/,
    );
  });

  test('looks on a /boot of its own', () => {
    const place = bootPlace(layoutDisk(mixed, gib, 'key').filesystems);
    if (!place) throw new Error('no place');
    expect(place).toMatchObject({folder: '/grub', isOwnFilesystem: true, filesystem: {mountPoint: '/boot'}});
    expect(earlyConfiguration(place)).toContain(`search.fs_uuid ${place.filesystem.uuid} root\n`);
  });
});

describe("upstream's boot loader", () => {
  test('waits five seconds and speaks on both consoles, unless its variables say otherwise', () => {
    expect(upstreamBootSettings({DIB_BOOTLOADER_DEFAULT_CMDLINE: 'nofb nomodeset gfxpayload=text'}, 'amd64')).toEqual({
      timeoutSeconds: 5,
      kernelArguments: [
        ...['console=tty0', 'console=ttyS0,115200', 'no_timer_check', 'nofb', 'nomodeset', 'gfxpayload=text'],
      ],
    });
    const variables = {
      DIB_GRUB_TIMEOUT: '0',
      DIB_BOOTLOADER_SERIAL_CONSOLE: 'hvc0',
      DIB_BOOTLOADER_VIRTUAL_TERMINAL: '',
    };
    expect(upstreamBootSettings(variables, 'amd64')).toEqual({
      timeoutSeconds: 0,
      kernelArguments: ['console=hvc0', 'no_timer_check'],
    });
  });
});
