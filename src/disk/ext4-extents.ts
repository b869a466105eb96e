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

/** Where a file's blocks are, in the order of the file.
 * @param map The 60 bytes of its inode.
 * @param blocks Length of the file in blocks.
 * @returns A text that says what is damaged.
 */
export async function extentMap(
  map: Buffer,
  hasExtents: boolean,
  blocks: number,
  readBlock: ReadBlock,
): Promise<Extent[] | string> {
  return hasExtents ? fromExtents(map, readBlock, maximalDepth) : fromPointers(map, blocks, readBlock);
}

async function fromExtents(node: Buffer, readBlock: ReadBlock, depthLeft: number): Promise<Extent[] | string> {
  if (node.readUInt16LE(0) !== 0xf30a) return 'its map of extents is damaged';
  const count = node.readUInt16LE(2);
  const depth = node.readUInt16LE(6);
  if (12 + count * 12 > node.length || depth > depthLeft) return 'its map of extents is damaged';
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
    extents.push(...below);
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
async function fromPointers(map: Buffer, blocks: number, readBlock: ReadBlock): Promise<Extent[]> {
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
  const blockLength = async () => (await readBlock(0)).length;
  for (let i = 0; i < 12 && at < blocks; i++) add(map.readUInt32LE(i * 4));
  for (let depth = 1; depth <= 3; depth++) await follow(map.readUInt32LE((11 + depth) * 4), depth);
  return extents;
}
