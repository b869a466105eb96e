import {describe, expect, test} from 'vitest';
import {entriesByPath, nameFromBytes, orderListing, resolveFolders, type TreeEntry} from './listing.js';

const entry = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path,
  type: 'folder',
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  modifiedAt: 0,
  ...more,
});

describe('a listing', () => {
  test('is ordered by code points, whatever the order that it was found in', () => {
    const paths = ['/b', '/a/b', '/a', '/a-b', '/\u{1f600}', '/\uff00', '/'];
    expect(orderListing(paths.map((path) => entry(path))).map(({path}) => path)).toEqual([
      '/',
      '/a',
      '/a-b',
      '/a/b',
      '/b',
      '/\uff00',
      '/\u{1f600}',
    ]);
  });

  test('keeps different bytes of names apart, UTF-8 or not', () => {
    expect(nameFromBytes(Buffer.from('grüße'))).toBe('grüße');
    expect(nameFromBytes(Buffer.from([0x61, 0xff, 0x62]))).toBe('a\udcffb');
    expect(nameFromBytes(Buffer.from([0xc3, 0xbc, 0xc3]))).toBe('ü\udcc3');
    expect(nameFromBytes(Buffer.from([0xed, 0xa0, 0x80]))).toBe('\udced\udca0\udc80');
  });

  test('follows the links of folders, absolute and relative, not that of the last part', () => {
    const entries = entriesByPath([
      entry('/bin', {type: 'link', target: 'usr/bin'}),
      entry('/usr/bin/sh', {type: 'link', target: 'dash'}),
      entry('/lib64', {type: 'link', target: '/usr/lib64'}),
      entry('/loop', {type: 'link', target: 'loop'}),
    ]);
    expect(resolveFolders('/bin/sh', entries)).toBe('/usr/bin/sh');
    expect(resolveFolders('/lib64/ld.so', entries)).toBe('/usr/lib64/ld.so');
    expect(resolveFolders('/bin/../etc/./x', entries)).toBe('/usr/etc/x');
    expect(resolveFolders('/loop/x', entries)).toBe('/loop/x');
  });
});
