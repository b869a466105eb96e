import {describe, expect, test} from 'vitest';
import {addressableBlocks, extentMap} from './ext4-extents.js';

const blockSize = 1024;

/** A node of a tree of extents. */
function node(
  depth: number,
  entries: readonly (readonly [at: number, count: number, block: number])[],
  size = 60,
): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16LE(0xf30a, 0);
  bytes.writeUInt16LE(entries.length, 2);
  bytes.writeUInt16LE(depth, 6);
  for (const [i, [at, count, block]] of entries.entries()) {
    bytes.writeUInt32LE(at, 12 + i * 12);
    if (depth === 0) bytes.writeUInt16LE(count, 16 + i * 12);
    bytes.writeUInt32LE(block, (depth === 0 ? 20 : 16) + i * 12);
  }
  return bytes;
}

/** The map of ext2 and ext3. */
function pointers(values: Readonly<Record<number, number>>): Buffer {
  const bytes = Buffer.alloc(60);
  for (const [index, block] of Object.entries(values)) bytes.writeUInt32LE(block, Number(index) * 4);
  return bytes;
}

function disk(blocks: Readonly<Record<number, Buffer>>) {
  const read: number[] = [];
  const readBlock = async (number: number) => {
    read.push(number);
    return blocks[number] ?? Buffer.alloc(blockSize);
  };
  return {read, readBlock};
}

describe("a file's map of blocks", () => {
  test('is read through its nodes', async () => {
    const {readBlock} = disk({9: node(0, [[0, 3, 20]], blockSize), 10: node(0, [[3, 1, 50]], blockSize)});
    const map = node(1, [
      [0, 0, 9],
      [3, 0, 10],
    ]);
    expect(await extentMap(map, true, 4, 100, readBlock)).toEqual([
      {at: 0, count: 3, block: 20, isUnwritten: false},
      {at: 3, count: 1, block: 50, isUnwritten: false},
    ]);
  });

  test('whose nodes share a block is damaged, and read no further', async () => {
    const {read, readBlock} = disk({9: node(0, [[0, 3, 20]], blockSize)});
    const map = node(
      1,
      Array.from({length: 4}, (_, i) => [i, 0, 9] as const),
    );
    expect(await extentMap(map, true, 4, 100, readBlock)).toContain('leads back');
    expect(read).toEqual([9]);
  });

  test('whose nodes are not as deep as they should be is damaged', async () => {
    const {readBlock} = disk({9: node(1, [[0, 0, 10]], blockSize)});
    expect(await extentMap(node(1, [[0, 0, 9]]), true, 4, 100, readBlock)).toContain('damaged');
    expect(await extentMap(node(6, [[0, 0, 9]]), true, 4, 100, readBlock)).toContain('damaged');
  });

  test('that points beyond the file system is damaged', async () => {
    const {readBlock} = disk({});
    expect(await extentMap(node(0, [[0, 10, 95]]), true, 10, 100, readBlock)).toBe('it points to block 104');
    expect(await extentMap(pointers({0: 100}), false, 1, 100, readBlock)).toBe('it points to block 100');
  });

  test('of pointers that lead to themselves is damaged, whatever size the file says it has', async () => {
    const self = Buffer.alloc(blockSize);
    for (let at = 0; at < blockSize; at += 4) self.writeUInt32LE(7, at);
    const {read, readBlock} = disk({7: self});
    expect(await extentMap(pointers({14: 7}), false, 2 ** 30, 100, readBlock)).toContain('leads back');
    expect(read.filter((number) => number === 7)).toHaveLength(1);
  });

  test('addresses no more than its kind can', () => {
    expect(addressableBlocks(true, 4096)).toBe(2 ** 32);
    expect(addressableBlocks(false, 1024)).toBe(12 + 256 + 256 ** 2 + 256 ** 3);
  });
});
