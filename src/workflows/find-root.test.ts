import {describe, expect, test} from 'vitest';
import {DamagedFileSystem, type Ext4} from '../disk/index.js';
import {findRoot, type OpenPartition} from './find-root.js';

const {signal} = new AbortController();
const rootType = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709';

function partition(
  number: number,
  sizeBytes: number,
  paths: readonly string[] | undefined,
  type = '83',
): OpenPartition {
  const found = {number, startBytes: number * 2 ** 20, sizeBytes, type};
  const read = async (_offset: number, length: number) => Buffer.alloc(length);
  if (!paths) return {found, read};
  const ext4: Ext4 = {
    ...{uuid: '', label: '', sizeBytes, needsRecovery: false},
    list: async () => ({entries: [], contents: new Map()}),
    look: async (path) => (paths.includes(path) ? {type: 'link'} : undefined),
  };
  return {found, read, ext4};
}

async function chosen(...partitions: OpenPartition[]) {
  const root = await findRoot(partitions, signal);
  return root && `${root.partition.found.number}: ${root.reason}`;
}

const system = ['/etc/os-release'];

describe('the root file system of a disk', () => {
  test('is the one that has /etc/os-release, whatever the sizes and types', async () => {
    const all = [partition(1, 900, []), partition(2, 100, system), partition(3, 500, [], rootType)];
    expect(await chosen(...all)).toBe('2: it has /etc/os-release');
  });

  test("of several, or of none, is that of GPT's root type, else the largest", async () => {
    const typed = partition(3, 100, system, rootType);
    expect(await chosen(partition(1, 900, system), typed)).toBe("3: it has /etc/os-release, and GPT's root type");
    expect(await chosen(partition(1, 100, []), partition(2, 200, []))).toBe(
      '2: none has /etc/os-release, and it is the largest',
    );
  });

  test('is found beside a damaged file system, which is told; but not among damaged ones alone', async () => {
    const data = partition(1, 900, []);
    const look = () => Promise.reject(new DamagedFileSystem('inode 12 is of no known type'));
    const damaged = {...data, ext4: {...(data.ext4 as Ext4), look}};
    const root = await findRoot([damaged, partition(2, 100, system)], signal);
    expect(root?.partition.found.number).toBe(2);
    expect(root?.notes).toEqual(['partition 1: its file system is damaged: inode 12 is of no known type']);
    await expect(findRoot([damaged, partition(2, 100, [])], signal)).rejects.toThrow('inode 12 is of no known type');
  });

  test('is none where none can be read', async () => {
    expect(await chosen(partition(1, 900, undefined))).toBeUndefined();
  });
});
