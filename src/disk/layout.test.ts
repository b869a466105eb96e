import {describe, expect, test} from 'vitest';
import {grubConfiguration, patchBiosImages} from './grub.js';
import {diskIdentities, layoutDisk, rootSizeMiB, sfdiskInput, uuidFrom} from './layout.js';

describe('identities', () => {
  test('are UUIDs of version 5, and follow from the build key', () => {
    expect(uuidFrom('x')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(diskIdentities('key')).toEqual(diskIdentities('key'));
    expect(diskIdentities('key').root).not.toBe(diskIdentities('other').root);
    expect(new Set(Object.values(diskIdentities('key'))).size).toBe(6);
  });
});

describe('the partition table', () => {
  const layout = layoutDisk(1000, diskIdentities('key'), 'amd64');

  test('has partitions one after the other, on whole MiB, with room for its second copy', () => {
    const ends = layout.partitions.map(({start, size}) => [start, start + size]);
    expect(ends).toEqual([
      [2048, 4096],
      [4096, 135168],
      [135168, 135168 + 1000 * 2048],
    ]);
    expect(layout.totalSectors).toBe(135168 + 1000 * 2048 + 2048);
  });

  test('is told to sfdisk with every identity, so that it draws none itself', () => {
    const lines = sfdiskInput(layout).split('\n');
    expect(lines[0]).toBe('label: gpt');
    expect(lines.filter((line) => line.includes('uuid='))).toHaveLength(3);
  });
});

describe('the size of the root file system', () => {
  test('has the free share, and never less than the least', () => {
    expect(rootSizeMiB(2000, 0.2, 256)).toBeGreaterThan(2400);
    expect(rootSizeMiB(100, 0.2, 256)).toBeGreaterThan(100 + 256);
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
    expect(grubConfiguration('U', ['quiet', 'console=ttyS0'])).toContain(
      'linux /vmlinuz root=UUID=U ro quiet console=ttyS0\n',
    );
  });
});
