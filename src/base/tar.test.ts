import {Readable} from 'node:stream';
import {describe, expect, test} from 'vitest';
import {readTar, type TarFile, writeTar} from './tar.js';

function file(path: string, text: string, isExecutable = false): TarFile {
  const content = Buffer.from(text);
  return {path, isExecutable, sizeBytes: content.length, content: [content]};
}

async function bytesOf(files: readonly TarFile[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of writeTar(files)) parts.push(part);
  return Buffer.concat(parts);
}

/** Read in pieces that don't fit its blocks. */
async function filesOf(tar: Buffer): Promise<{path: string; isExecutable: boolean; text: string}[]> {
  const pieces = Array.from({length: Math.ceil(tar.length / 700)}, (_, i) => tar.subarray(i * 700, (i + 1) * 700));
  const files = [];
  for await (const {path, isExecutable, content} of readTar(Readable.from(pieces))) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    files.push({path, isExecutable, text: Buffer.concat(parts).toString()});
  }
  return files;
}

describe('a tar archive', () => {
  const long = `elements/${'folder/'.repeat(15)}file`;
  const files = [file('a', ''), file('b/hook', '#!/bin/sh\n', true), file(long, 'x'.repeat(2000))];

  test('is read as it was written', async () => {
    expect(await filesOf(await bytesOf(files))).toEqual([
      {path: 'a', isExecutable: false, text: ''},
      {path: 'b/hook', isExecutable: true, text: '#!/bin/sh\n'},
      {path: long, isExecutable: false, text: 'x'.repeat(2000)},
    ]);
  });

  test('has the same bytes for the same files', async () => {
    expect(await bytesOf(files)).toEqual(await bytesOf(files));
  });

  test('that is cut or none is told', async () => {
    const tar = await bytesOf(files);
    await expect(filesOf(tar.subarray(0, 2000))).rejects.toThrow('it is cut');
    await expect(filesOf(tar.subarray(0, tar.length - 1024))).rejects.toThrow('it is cut');
    await expect(filesOf(Buffer.alloc(1024, 7))).rejects.toThrow('it is no tar archive');
  });
});
