import {describe, expect, it} from 'vitest';
import {checkPartitions, parsePartitions} from './structure.js';

const table = (label: string, types: readonly string[]) =>
  JSON.stringify({
    partitiontable: {
      label,
      sectorsize: 512,
      partitions: types.map((type, index) => ({start: 2048 * (index + 1), size: 2048, type})),
    },
  });
const biosBoot = '21686148-6449-6E6F-744E-656564454649';
const esp = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const root = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709';

describe('the partitions of an image', () => {
  it('are known by their types', () => {
    const partitions = parsePartitions(table('gpt', [biosBoot, esp, root]));
    expect(partitions).toEqual([
      {role: 'BIOS boot', startBytes: 1 << 20, sizeBytes: 1 << 20},
      {role: 'EFI system', startBytes: 2 << 20, sizeBytes: 1 << 20},
      {role: 'root', startBytes: 3 << 20, sizeBytes: 1 << 20},
    ]);
  });

  it('serve both kinds of firmware when all three are there', () => {
    const partitions = parsePartitions(table('gpt', [biosBoot, esp, root]));
    expect(typeof partitions === 'string' ? partitions : checkPartitions(partitions).isPassed).toBe(true);
  });

  it('are told when they are missing', () => {
    const partitions = parsePartitions(table('gpt', [root]));
    expect(typeof partitions === 'string' ? partitions : checkPartitions(partitions).detail).toBe(
      'no partition for BIOS boot, EFI system',
    );
  });

  it('have to be in a GUID partition table', () => {
    expect(parsePartitions(table('dos', []))).toBe('there is no GUID partition table');
  });
});
