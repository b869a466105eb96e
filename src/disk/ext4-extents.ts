/** A run of a file's blocks that lie together on the disk. */
export interface Extent {
  /** First block within the file. */
  readonly at: number;
  readonly count: number;
  /** First block on the disk. */
  readonly block: number;
  /** Reserved, and to be read as zeros. */
  readonly isUnwritten: boolean;
}

export type ReadBlock = (number: number) => Promise<Buffer>;

const maximalDepth = 5;

/** The most blocks that a file's map can address: extents count them in 32 bits, pointers by their tree of three levels. */
export function addressableBlocks(hasExtents: boolean, blockSize: number): number {
  if (hasExtents) return 2 ** 32;
  const pointers = blockSize / 4;
  return 12 + pointers + pointers ** 2 + pointers ** 3;
}

/** Where a file's blocks are, in the order of the file.
 * @param map The 60 bytes of its inode.
 * @param blocks Length of the file in blocks.
 * @param blocksOfDisk Of the file system: nothing lies beyond.
 * @returns A text that says what is damaged. No block of the map is read twice, so a damaged one can't ask for more than there is.
 */
export async function extentMap(
  map: Buffer,
  hasExtents: boolean,
  blocks: number,
  blocksOfDisk: number,
  readBlock: ReadBlock,
): Promise<Extent[] | string> {
  const seen = new Set<number>();
  const readOnce: ReadBlock = (number) => {
    if (seen.has(number)) throw new LoopedMap();
    seen.add(number);
    return readBlock(number);
  };
  try {
    const extents = hasExtents
      ? await fromExtents(map, readOnce, undefined)
      : await fromPointers(map, blocks, readOnce, async () => (await readBlock(0)).length);
    if (typeof extents === 'string') return extents;
    const outside = extents.find(({block, count}) => block + count > blocksOfDisk);
    return outside ? `it points to block ${outside.block + outside.count - 1}` : extents;
  } catch (error) {
    if (error instanceof LoopedMap) return 'its map of blocks leads back to itself';
    throw error;
  }
}

class LoopedMap extends Error {}

/** @param expected Depth that the node above says; undefined at the root. */
async function fromExtents(
  node: Buffer,
  readBlock: ReadBlock,
  expected: number | undefined,
): Promise<Extent[] | string> {
  if (node.readUInt16LE(0) !== 0xf30a) return 'its map of extents is damaged';
  const count = node.readUInt16LE(2);
  const depth = node.readUInt16LE(6);
  const isDepthRight = expected === undefined ? depth <= maximalDepth : depth === expected;
  if (12 + count * 12 > node.length || !isDepthRight) return 'its map of extents is damaged';
  const extents: Extent[] = [];
  for (let i = 1; i <= count; i++) {
    const entry = node.subarray(i * 12, i * 12 + 12);
    if (depth === 0) {
      extents.push(leaf(entry));
      continue;
    }
    const child = entry.readUInt32LE(4) + entry.readUInt16LE(8) * 2 ** 32;
    const below = await fromExtents(await readBlock(child), readBlock, depth - 1);
    if (typeof below === 'string') return below;
    for (const extent of below) extents.push(extent); // a spread of many is more than the stack holds
  }
  return extents;
}

function leaf(entry: Buffer): Extent {
  const written = entry.readUInt16LE(4);
  const isUnwritten = written > 32768;
  return {
    at: entry.readUInt32LE(0),
    count: isUnwritten ? written - 32768 : written,
    block: entry.readUInt32LE(8) + entry.readUInt16LE(6) * 2 ** 32,
    isUnwritten,
  };
}

/** The map of ext2 and ext3: twelve blocks, then blocks of pointers, one to three deep. */
async function fromPointers(
  map: Buffer,
  blocks: number,
  readBlock: ReadBlock,
  blockLength: () => Promise<number>,
): Promise<Extent[]> {
  const extents: Extent[] = [];
  let at = 0;
  const add = (block: number) => {
    const last = extents.at(-1);
    if (block !== 0 && last && last.block + last.count === block && last.at + last.count === at) {
      extents[extents.length - 1] = {...last, count: last.count + 1};
    } else if (block !== 0) extents.push({at, count: 1, block, isUnwritten: false});
    at++;
  };
  const follow = async (block: number, depth: number): Promise<void> => {
    if (at >= blocks) return;
    if (depth === 0) {
      add(block);
      return;
    }
    // A hole of this size needs no reading; how many blocks it spans follows from a block of zeros.
    const pointers = block === 0 ? undefined : await readBlock(block);
    const count = (pointers?.length ?? (await blockLength())) / 4;
    if (!pointers) {
      at += count ** depth;
      return;
    }
    for (let i = 0; i < count && at < blocks; i++) await follow(pointers.readUInt32LE(i * 4), depth - 1);
  };
  for (let i = 0; i < 12 && at < blocks; i++) add(map.readUInt32LE(i * 4));
  for (let depth = 1; depth <= 3; depth++) await follow(map.readUInt32LE((11 + depth) * 4), depth);
  return extents;
}
