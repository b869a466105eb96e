import {describe, expect, test} from 'vitest';
import {convertDisk, measureContent} from './scripts.js';

describe('a qcow2', () => {
  const words = (isCompressed: boolean, ...options: string[]) =>
    /qcow2 (.*) disk\.raw/.exec(convertDisk({isCompressed, options}).replace(/'/g, ''))?.[1];

  test('is compressed with zstd, unless the options say otherwise or are of an older form', () => {
    expect(words(true)).toBe('-c -o compression_type=zstd');
    expect(words(true, 'cluster_size=2M')).toBe('-c -o compression_type=zstd,cluster_size=2M');
    expect(words(true, 'compression_type=zlib')).toBe('-c -o compression_type=zlib');
    expect(words(true, 'compat=0.10')).toBe('-c -o compat=0.10');
    expect(words(false)).toBe('');
  });
});

describe('the files of each file system', () => {
  test('are shown alone: the deepest first, each covered for those around it', () => {
    const filesystem = (mountPoint: string | undefined) =>
      ({...(mountPoint === undefined ? {} : {mountPoint}), name: 'x', type: 'ext4', label: 'x', options: []}) as const;
    const all = ['/', '/boot', '/boot/efi', undefined].map((at) => ({
      ...filesystem(at),
      uuid: '',
      isEfiSystem: false,
    }));
    const mounts = measureContent(all)
      .split('\n')
      .flatMap((line) => /mount --rbind '(\S+)' '(\S+)'(?:; mount -t (tmpfs))?/.exec(line)?.slice(1).join(' ') ?? []);
    expect(mounts).toEqual([
      '/tmp/out/content-3 /tmp/fs/3 ',
      '/tmp/tree/boot/efi /tmp/fs/2 tmpfs',
      '/tmp/tree/boot /tmp/fs/1 tmpfs',
      '/tmp/tree/ /tmp/fs/0 ',
    ]);
  });
});
