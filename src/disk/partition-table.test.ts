import {describe, expect, test} from 'vitest';
import {identifyFileSystem} from './file-system.js';
import {readPartitions} from './partition-table.js';

const mib = 2 ** 20;

function reader(disk: Buffer) {
  return async (offset: number, length: number) => {
    const found = Buffer.alloc(length);
    disk.copy(found, 0, offset, offset + length);
    return found;
  };
}

function writeMbrEntry(sector: Buffer, index: number, type: number, start: number, sectors: number): void {
  const at = 446 + index * 16;
  sector.writeUInt8(type, at + 4);
  sector.writeUInt32LE(start, at + 8);
  sector.writeUInt32LE(sectors, at + 12);
  sector.writeUInt16LE(0xaa55, 510);
}

describe('partitions', () => {
  test('of an MBR are found, the logical ones too', async () => {
    const disk = Buffer.alloc(8 * mib);
    writeMbrEntry(disk, 0, 0x83, 2048, 2048);
    writeMbrEntry(disk, 1, 0x0f, 4096, 8192);
    writeMbrEntry(disk.subarray(4096 * 512), 0, 0x83, 63, 1000);
    writeMbrEntry(disk.subarray(4096 * 512), 1, 0x05, 2048, 2048);
    writeMbrEntry(disk.subarray(6144 * 512), 0, 0x82, 63, 500);
    expect(await readPartitions(reader(disk), disk.length)).toEqual({
      table: 'mbr',
      partitions: [
        {number: 1, startBytes: mib, sizeBytes: mib, type: '83'},
        {number: 5, startBytes: (4096 + 63) * 512, sizeBytes: 512_000, type: '83'},
        {number: 6, startBytes: (6144 + 63) * 512, sizeBytes: 256_000, type: '82'},
      ],
    });
  });

  test('of a GPT have their type, name and UUID', async () => {
    const disk = Buffer.alloc(4 * mib);
    writeMbrEntry(disk, 0, 0xee, 1, 8191);
    disk.write('EFI PART', 512, 'latin1');
    disk.writeBigUInt64LE(2n, 512 + 72);
    disk.writeUInt32LE(128, 512 + 80);
    disk.writeUInt32LE(128, 512 + 84);
    const entry = disk.subarray(1024 + 128);
    Buffer.from('e3bc684fcde8b14d96e7fbcaf984b709', 'hex').copy(entry);
    Buffer.from('00112233445566778899aabbccddeeff', 'hex').copy(entry, 16);
    entry.writeBigUInt64LE(2048n, 32);
    entry.writeBigUInt64LE(4095n, 40);
    entry.write('root', 56, 'utf16le');
    expect(await readPartitions(reader(disk), disk.length)).toEqual({
      table: 'gpt',
      partitions: [
        {
          number: 2,
          startBytes: mib,
          sizeBytes: mib,
          type: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
          uuid: '33221100-5544-7766-8899-aabbccddeeff',
          name: 'root',
        },
      ],
    });
  });

  test('a disk without a table is one file system, also one whose boot sector looks like a table', async () => {
    const whole = {table: 'none', partitions: [{number: 0, startBytes: 0, sizeBytes: mib, type: ''}]};
    const disk = Buffer.alloc(mib);
    expect(await readPartitions(reader(disk), mib)).toEqual(whole);
    disk.write('FAT16', 54, 'latin1');
    disk.writeUInt16LE(0xaa55, 510);
    expect(await readPartitions(reader(disk), mib)).toEqual(whole);
  });

  test('what is in them is known by its signature', async () => {
    const signed = (text: string, at: number) => {
      const disk = Buffer.alloc(mib);
      disk.write(text, at, 'latin1');
      return identifyFileSystem(reader(disk));
    };
    expect(await signed('', 0)).toBeUndefined();
    expect(await signed('XFSB', 0)).toMatchObject({type: 'xfs'});
    expect(await signed('SWAPSPACE2', 4086)).toMatchObject({type: 'swap'});
    expect(await signed('_BHRfS_M', 65536 + 64)).toMatchObject({type: 'btrfs'});
    expect(await signed('LABELONE', 512)).toMatchObject({type: 'lvm'});
  });
});
