import {describe, expect, it} from 'vitest';
import {lastByteNeeded, parseQcow2Header} from './qcow2-header.js';

/** A qcow2 of one 64 KiB cluster each: header, refcount table, L1, L2, then what the L2's first entry says. */
function image(entry: bigint, changes: (header: Buffer) => void = () => {}): Buffer {
  const file = Buffer.alloc(4 * 65536);
  file.write('QFI\xfb', 0, 'latin1');
  file.writeUInt32BE(3, 4);
  file.writeUInt32BE(16, 20);
  file.writeBigUInt64BE(10n * 1024n ** 3n, 24);
  file.writeUInt32BE(1, 36);
  file.writeBigUInt64BE(2n * 65536n, 40);
  file.writeBigUInt64BE(65536n, 48);
  file.writeUInt32BE(1, 56);
  file.writeBigUInt64BE((1n << 63n) | (3n * 65536n), 2 * 65536);
  file.writeBigUInt64BE(entry, 3 * 65536);
  changes(file);
  return file;
}

async function neededBy(file: Buffer): Promise<number> {
  const header = parseQcow2Header(file);
  if (!header || typeof header === 'string') throw new Error(`no header: ${header}`);
  return lastByteNeeded(header, async (offset, length) => file.subarray(offset, offset + length));
}

describe('a qcow2 header', () => {
  it('tells the size that the guest sees', () => {
    expect(parseQcow2Header(image(0n))).toMatchObject({version: 3, virtualSizeBytes: 10 * 1024 ** 3});
  });

  it('is not found in other files', () => {
    expect(parseQcow2Header(Buffer.from('<html>'))).toBeUndefined();
    expect(parseQcow2Header(Buffer.alloc(0))).toBeUndefined();
  });

  it('tells why an image cannot be used alone', () => {
    expect(parseQcow2Header(image(0n, (file) => file.writeBigUInt64BE(512n, 8)))).toContain('backing file');
    expect(parseQcow2Header(image(0n, (file) => file.writeBigUInt64BE(2n, 72)))).toContain('corrupt');
    expect(parseQcow2Header(image(0n).subarray(0, 50))).toContain('cut short');
  });

  it('with sizes that no image has is damaged', () => {
    expect(parseQcow2Header(image(0n, (file) => file.writeUInt32BE(60, 20)))).toContain('damaged: clusters of 2^60');
    expect(parseQcow2Header(image(0n, (file) => file.writeUInt32BE(8, 20)))).toContain('damaged');
    expect(parseQcow2Header(image(0n, (file) => file.writeUInt32BE(0xffffffff, 36)))).toContain('damaged: a table');
  });
});

describe('the last byte needed', () => {
  it('is the end of the tables when there is no data', async () => {
    expect(await neededBy(image(0n))).toBe(4 * 65536);
  });

  it('is the end of the last plain cluster', async () => {
    expect(await neededBy(image((1n << 63n) | (9n * 65536n)))).toBe(10 * 65536);
  });

  it('is the end of the last compressed cluster, in sectors', async () => {
    const sectors = 2n << 54n; // 62 − (16 − 8): two sectors after the first
    expect(await neededBy(image((1n << 62n) | sectors | 500_000n))).toBe(499_712 + 3 * 512);
  });
});
