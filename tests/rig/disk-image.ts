import {randomBytes} from 'node:crypto';
import {writeFile} from 'node:fs/promises';

const clusterBytes = 65536;

/** Writes a whole qcow2 of `dataMiB` random data on a disk of 3 GiB: nothing boots from it, but Glance and we take it. */
export async function writeQcow2(path: string, dataMiB: number): Promise<void> {
  const dataClusters = dataMiB * 16;
  const file = Buffer.alloc((tableClusters + dataClusters) * clusterBytes);
  file.write('QFI\xfb', 0, 'latin1');
  file.writeUInt32BE(3, 4); // version
  file.writeUInt32BE(16, 20); // cluster bits
  file.writeBigUInt64BE(3n * 2n ** 30n, 24);
  file.writeUInt32BE(6, 36); // level 1 entries: 512 MiB each
  file.writeBigUInt64BE(offsetOf('level1'), 40);
  file.writeBigUInt64BE(offsetOf('refcounts'), 48);
  file.writeUInt32BE(1, 56); // clusters of the refcount table
  file.writeUInt32BE(4, 96); // refcounts of 2^4 bits
  file.writeUInt32BE(104, 100); // header length
  file.writeBigUInt64BE(offsetOf('refcountBlock'), at('refcounts'));
  file.writeBigUInt64BE(copied | offsetOf('level2'), at('level1'));
  for (let cluster = 0; cluster < tableClusters + dataClusters; cluster++) {
    file.writeUInt16BE(1, at('refcountBlock') + cluster * 2);
  }
  for (let cluster = 0; cluster < dataClusters; cluster++) {
    const offset = BigInt((tableClusters + cluster) * clusterBytes);
    file.writeBigUInt64BE(copied | offset, at('level2') + cluster * 8);
  }
  randomBytes(dataClusters * clusterBytes).copy(file, tableClusters * clusterBytes);
  await writeFile(path, file);
}

const copied = 1n << 63n;
const tables = ['header', 'refcounts', 'refcountBlock', 'level1', 'level2'] as const;
const tableClusters = tables.length;

function at(table: (typeof tables)[number]): number {
  return tables.indexOf(table) * clusterBytes;
}

function offsetOf(table: (typeof tables)[number]): bigint {
  return BigInt(at(table));
}
