import {spawnSync} from 'node:child_process';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {convertDisk, findBootFiles, measureContent} from './scripts.js';

test('the newest kernel is found with its initramfs; none where there is no /boot', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'boot-'));
  const find = () => {
    const script = findBootFiles.replaceAll('/tmp/tree', folder);
    const {status, stdout} = spawnSync('bash', ['-c', script], {encoding: 'utf8'});
    return {status, stdout};
  };
  expect(find()).toEqual({status: 0, stdout: '\n'});
  await mkdir(join(folder, 'boot'));
  for (const name of ['vmlinuz-6.9', 'vmlinuz-6.12', 'initrd.img-6.12'])
    await writeFile(join(folder, 'boot', name), '');
  expect(find()).toEqual({status: 0, stdout: 'vmlinuz-6.12\ninitrd.img-6.12\n'});
  await rm(folder, {recursive: true});
});

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
