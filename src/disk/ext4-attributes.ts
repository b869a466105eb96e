/** An extended attribute as the file system keeps it. */
export interface RawAttribute {
  readonly name: string;
  readonly value: Buffer;
  /** The inode that holds a long value in place of `value`; 0 for none. */
  readonly valueInode: number;
}

const magic = 0xea020000;

const prefixes: Readonly<Record<number, string>> = {
  0: '',
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
};

/** The attributes in what an inode of more than 128 bytes has left. ACLs are as on the disk, not as getxattr(2) has them. */
export function parseInlineAttributes(inode: Buffer): RawAttribute[] {
  if (inode.length <= 132) return [];
  const start = 128 + inode.readUInt16LE(0x80);
  if (start + 4 > inode.length || inode.readUInt32LE(start) !== magic) return [];
  return parseEntries(inode, start + 4, start + 4);
}

/** Those in a block of their own. */
export function parseAttributeBlock(block: Buffer): RawAttribute[] {
  return block.readUInt32LE(0) === magic ? parseEntries(block, 32, 0) : [];
}

/** @param valuesAt What the values' offsets count from. */
function parseEntries(bytes: Buffer, start: number, valuesAt: number): RawAttribute[] {
  const attributes: RawAttribute[] = [];
  for (let at = start; at + 16 <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    const nameLength = bytes.readUInt8(at);
    const prefix = prefixes[bytes.readUInt8(at + 1)] ?? 'unknown.';
    const valueStart = valuesAt + bytes.readUInt16LE(at + 2);
    attributes.push({
      name: prefix + bytes.toString('utf8', at + 16, at + 16 + nameLength),
      valueInode: bytes.readUInt32LE(at + 4),
      value: bytes.subarray(valueStart, valueStart + bytes.readUInt32LE(at + 8)),
    });
    at += 16 + Math.ceil(nameLength / 4) * 4;
  }
  return attributes;
}
