import {open, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {hostTraces} from '../rig/host.js';
import {runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** A raw disk with a boot signature and an empty table of the old kind. */
async function writeEmptyDisk(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, 8 * 2 ** 20);
  await using file = await openForWriting(path);
  await file.write(Buffer.from([0x55, 0xaa]), 0, 2, 510);
}

async function openForWriting(path: string) {
  const file = await open(path, 'r+');
  return Object.assign(file, {[Symbol.asyncDispose]: () => file.close()});
}

describe('image verify', () => {
  test('a file that is not there is told, exit 2', async () => {
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', '/nowhere/image.qcow2', '--boot']);
    expect({exitCode, isTold: stderr.includes('error file-not-found')}).toEqual({exitCode: 2, isTold: true});
  });

  test('a file that is no disk image is told at once, exit 2', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'image.qcow2');
    await writeFile(file, 'no disk at all');
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file, '--boot']);
    expect({exitCode, isTold: stderr.includes('error not-a-disk-image')}).toEqual({exitCode: 2, isTold: true});
  });

  test('a qcow2 that was cut short is told at once, exit 2', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'image.qcow2');
    const header = Buffer.alloc(60);
    header.write('QFI\xfb', 'latin1');
    header.writeUInt32BE(3, 4);
    await writeFile(file, header);
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it was cut short');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('a disk that nothing can boot from is refused with what is wrong, exit 3, and nothing stays behind', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'disk.raw');
    await writeEmptyDisk(file);
    const before = hostTraces().mounts;
    const {exitCode, stderr} = await runTrovestack(['image', 'verify', file, '--boot']);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/error image-unsound: .*partitions: there is no (GUID )?partition table/);
    expect(hostTraces().mounts).toEqual(before);
  });
});
