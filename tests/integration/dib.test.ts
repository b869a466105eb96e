import {createHash} from 'node:crypto';
import {mkdir, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {openTools, type Tools} from '../rig/tools.js';
import {type CommandResult, home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** What `image dib --output json` prints. */
interface Built {
  readonly files: readonly {readonly file: string; readonly format: string; readonly sha256: string}[];
  readonly virtualSizeBytes?: number;
  readonly stepsRun: number;
}

interface Table {
  readonly label: string;
  readonly partitions: readonly {
    readonly start: number;
    readonly size: number;
    readonly type: string;
    readonly name?: string;
    readonly bootable?: boolean;
  }[];
}

const formats = ['qcow2', 'raw', 'tar', 'tgz', 'tar.zst', 'squashfs', 'docker'];

/** Images of fixture elements with disk-image-create's options. One store, and one image in all formats, for the file. */
describe('trove-image-builder --dib', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: string;
  let tools: Tools;
  let all: Built;

  beforeAll(async () => {
    folder = await temporaryFolder();
    store = join(folder.path, 'store');
    all = await built(['-o', path('mbr/tiny'), '-t', formats.join(), '--checksum', 'vm', 'tiny-kernel']);
    tools = await openTools(store);
  });

  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  function path(name: string): string {
    return join(folder.path, name);
  }

  function run(args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
    const elements = join(home, 'tests/fixtures/dib-elements');
    const all = {TROVESTACK_STORE: store, ELEMENTS_PATH: elements, ...env};
    return runTrovestack(['image', 'build', '--dib', '--output', 'json', ...args, 'tiny-linux', 'split-disk'], {
      env: all,
    });
  }

  async function built(args: readonly string[], env: Record<string, string> = {}): Promise<Built> {
    const {exitCode, stdout, stderr} = await run(args, env);
    expect({exitCode, stderr: exitCode === 0 ? '' : stderr.slice(-2000)}).toEqual({exitCode: 0, stderr: ''});
    return JSON.parse(stdout) as Built;
  }

  async function table(of: string, disk: string): Promise<Table> {
    return (JSON.parse(await tools.run(path(of), `sfdisk --json ${disk}`)) as {partitiontable: Table}).partitiontable;
  }

  test('writes every format, each with its ending and checksums', async () => {
    const names = ['qcow2', 'raw', 'tar', 'tgz', 'tar.zst', 'squash', 'docker.tar'].map((ending) => `tiny.${ending}`);
    expect(all.files.map(({file}) => file)).toEqual(names.map((name) => path(`mbr/${name}`)));
    expect((await readdir(path('mbr'))).sort()).toEqual(
      [...names.flatMap((name) => [name, `${name}.md5`, `${name}.sha256`]), 'tiny.lock.yaml'].sort(),
    );
    await tools.run(path('mbr'), 'md5sum --check --quiet *.md5 && sha256sum --check --quiet *.sha256');
  });

  test('an mbr has one bootable partition with a clean file system of the usual label', async () => {
    const {label, partitions} = await table('mbr', 'tiny.raw');
    expect(label).toBe('dos');
    expect(partitions).toMatchObject([{start: 2048, type: '83', bootable: true}]);
    const offset = 'tiny.raw?offset=1048576';
    const facts = await tools.run(
      path('mbr'),
      `e2fsck -fn '${offset}' >&2 && debugfs -R 'stats -h' '${offset}' && debugfs -R 'stat <8>' '${offset}'`,
    );
    expect(facts).toMatch(/Filesystem volume name: +cloudimg-rootfs/);
    expect(facts).toMatch(/Size: 67108864/); // inode 8 is the journal
    expect(await tools.run(path('mbr'), `debugfs -R 'cat /etc/fstab' '${offset}'`)).toBe(
      'LABEL=cloudimg-rootfs / ext4 defaults 0 1\n',
    );
  });

  test('qcow2 and raw are the same disk; the raw one has holes', async () => {
    await tools.run(path('mbr'), 'qemu-img check -q tiny.qcow2 && qemu-img compare -q tiny.qcow2 tiny.raw');
    expect(await tools.run(path('mbr'), 'qemu-img info tiny.qcow2')).toContain('compression type: zstd');
    const {size, blocks} = await stat(path('mbr/tiny.raw'));
    expect(size).toBe(all.virtualSizeBytes);
    expect(blocks * 512).toBeLessThan(size / 2);
  });

  test('archives have the tree with owners, modes and capabilities, and nothing of the machine', async () => {
    const list = await tools.run(path('mbr'), 'tar --list --verbose --numeric-owner --xattrs --file tiny.tar');
    expect(list).toMatch(/^drwxrwxrwt +0\/0 .* \.\/srv\/$/m);
    expect(list).toMatch(/^-rw-r--r-- +0\/0 .* \.\/etc\/base$/m);
    expect(list).not.toMatch(/ \.\/(proc|sys)/);
    const headers = await tools.run(
      path('mbr'),
      "tar --list --verbose --verbose --xattrs --xattrs-include='*' --file tiny.tar",
    );
    expect(headers).toMatch(/opt\/capable\n +x: +20 security.capability/);
    const squash = await tools.run(path('mbr'), 'unsquashfs -lln tiny.squash');
    expect(squash).toMatch(/^drwxrwxrwt 0\/0 .* squashfs-root\/srv$/m);
    await tools.run(path('mbr'), 'cmp tiny.tar <(gzip -dc tiny.tgz) && cmp tiny.tar <(zstd -dqc tiny.tar.zst)');
  });

  test('a Docker archive names the layer that it has', async () => {
    const read = (name: string) => tools.run(path('mbr'), `tar --extract --to-stdout --file tiny.docker.tar ${name}`);
    const [image] = JSON.parse(await read('manifest.json')) as [{Config: string; RepoTags: string[]; Layers: string[]}];
    expect(image).toMatchObject({RepoTags: ['tiny:latest'], Layers: ['layer.tar']});
    const config = await read(image.Config);
    expect(`${createHash('sha256').update(config).digest('hex')}.json`).toBe(image.Config);
    const layer = createHash('sha256')
      .update(await readFile(path('mbr/tiny.tar')))
      .digest('hex');
    expect(JSON.parse(config)).toMatchObject({rootfs: {diff_ids: [`sha256:${layer}`]}});
    await tools.run(path('mbr'), 'cmp tiny.tar <(tar --extract --to-stdout --file tiny.docker.tar layer.tar)');
  });

  test('an mbr boots by BIOS, with the boot loader element answered and its variables heard', async () => {
    const disk = path('mbr/tiny.qcow2');
    const lines = await tools.boot({
      disk,
      format: 'qcow2',
      firmware: 'bios',
      until: /STARTED WITH/,
      timeoutMs: 120_000,
    });
    expect(lines.join('\n')).toMatch(
      /STARTED WITH .*root=LABEL=cloudimg-rootfs ro console=tty0 console=ttyS0,115200 no_timer_check quiet tiny=1/,
    );
  });

  describe('with several file systems on gpt', () => {
    const offset = (partition: {start: number} | undefined) => (partition?.start ?? 0) * 512;

    beforeAll(async () => {
      const elements = ['vm', 'block-device-efi', 'tiny-kernel'];
      await built(['-o', path('gpt/tiny'), '-t', 'raw', ...elements], {DIB_GRUB_TIMEOUT: '0'});
    });

    test('each has what belongs below its mount point, and its top folder as in the tree', async () => {
      const {label, partitions} = await table('gpt', 'tiny.raw');
      expect(label).toBe('gpt');
      expect(partitions.map(({name}) => name)).toEqual(['ESP', 'BSP', 'boot', 'srv', 'root']);
      const [esp, , boot, srv, root] = partitions;
      const ext = (partition: {start: number} | undefined, command: string) =>
        tools.run(path('gpt'), `debugfs -R '${command}' 'tiny.raw?offset=${offset(partition)}' 2> /dev/null`);
      for (const partition of [boot, srv, root]) {
        await tools.run(path('gpt'), `e2fsck -fn 'tiny.raw?offset=${offset(partition)}'`);
      }
      expect(await ext(srv, 'cat /shared/file')).toBe('served\n');
      expect(await ext(srv, 'stat <2>')).toMatch(/Mode: +01777/);
      expect(await ext(boot, 'ls -p /')).toMatch(/\/vmlinuz-.*\//);
      expect(await ext(boot, 'ls -p /efi')).not.toContain('vendor');
      expect(await ext(root, 'ls -p /srv')).not.toContain('shared');
      expect(await ext(root, 'ls -p /boot')).not.toContain('vmlinuz');
      expect(await ext(root, 'ea_list /opt/capable')).toContain('security.capability (20)');
      expect(await ext(root, 'cat /etc/fstab')).toBe(
        'LABEL=cloudimg-rootfs / ext4 defaults 0 1\nLABEL=boot /boot ext2 defaults 0 2\n' +
          'LABEL=MKFS_ESP /boot/efi vfat defaults 0 2\n',
      );
      const files = await tools.run(path('gpt'), `mdir -/ -b -i tiny.raw@@${offset(esp)} ::/`);
      expect(files).toContain('::/EFI/BOOT/BOOTX64.EFI');
      expect(files).toContain('::/vendor/file');
    });

    test.each(['bios', 'uefi'] as const)('it boots by %s', async (firmware) => {
      const disk = path('gpt/tiny.raw');
      const lines = await tools.boot({disk, format: 'raw', firmware, until: /STARTED WITH/, timeoutMs: 180_000});
      expect(lines.join('\n')).toMatch(/STARTED WITH .*root=LABEL=cloudimg-rootfs/);
    });
  });

  test('the same steps run again give the same bytes in every format', async () => {
    for (const kind of ['steps', 'images']) await rm(join(store, kind), {recursive: true});
    for (const kind of ['steps', 'images']) await mkdir(join(store, kind));
    const again = await built(['-o', path('again/tiny'), '-t', formats.join(), 'vm', 'tiny-kernel']);
    expect(again.stepsRun).toBeGreaterThan(5);
    const digests = ({files}: Built) => files.map(({format, sha256}) => `${format} ${sha256}`);
    expect(digests(again)).toEqual(digests(all));
  });

  test('a file that is there is renamed with its date, its checksums with it', async () => {
    await mkdir(path('old'));
    for (const name of ['tiny.tar', 'tiny.tar.md5']) await writeFile(path(`old/${name}`), 'older');
    await built(['-o', path('old/tiny'), '-t', 'tar', 'vm', 'tiny-kernel']);
    const names = (await readdir(path('old'))).sort();
    expect(names).toMatchObject([
      expect.stringMatching(/^tiny-\d{4}\.\d\d\.\d\d-\d\d\.\d\d\.\d\d\.tar$/),
      expect.stringMatching(/^tiny-.*\.tar\.md5$/),
      'tiny.lock.yaml',
      'tiny.tar',
    ]);
    expect(await readFile(path(`old/${names[0]}`), 'utf8')).toBe('older');
  });

  test('size, label and qcow2 options are as asked for, and the log file has what happened', async () => {
    const asked = ['--image-size', '0.5', '--root-label', 'mine', '--qemu-img-options', 'compat=0.10'];
    const log = path('asked.log');
    const {stderr} = await run(['-o', path('asked/tiny'), ...asked, '--logfile', log, 'vm', 'tiny-kernel']);
    expect(stderr).toBe('');
    const info = await tools.run(
      path('asked'),
      'qemu-img info tiny.qcow2 && qemu-img convert -O raw tiny.qcow2 /tmp/disk',
    );
    expect(info).toContain('virtual size: 512 MiB');
    expect(info).toContain('compat: 0.10');
    const label = "qemu-img convert -O raw tiny.qcow2 /tmp/disk && debugfs -R 'stats -h' '/tmp/disk?offset=1048576'";
    expect(await tools.run(path('asked'), label)).toMatch(/Filesystem volume name: +mine/);
    expect(await readFile(log, 'utf8')).toMatch(/^\d{4}-\d\d-\d\d .* \| run disk\/compress/m);
  });

  test.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'a file system that cannot be made, with its place',
      ['vm', 'tiny-kernel'],
      {DIB_BLOCK_DEVICE_CONFIG: '- local_loop:\n    name: image0\n    mkfs: {type: xfs, mount: {mount_point: /}}\n'},
      /DIB_BLOCK_DEVICE_CONFIG:3:18 +A file system of type "xfs" cannot be made/,
    ],
    [
      'a disk that is too small',
      ['--image-size', '0.02', 'vm', 'tiny-kernel'],
      {},
      /error image-too-small: .* the files of "\/"/,
    ],
    ['a format that is not written', ['-t', 'vhd', 'vm'], {}, /the format "vhd" is not written/],
    ['a break at no moment', ['vm'], {break: 'before-lunch'}, /break=before-lunch/],
    ['a break without a terminal', ['vm', 'tiny-kernel'], {break: 'before-install'}, /error no-terminal/],
    ['an option that nobody knows', ['--image-sized', '1'], {}, /Unknown option '--image-sized'/],
  ])('%s is refused, exit 2', async (_, args, env, message) => {
    const {exitCode, stderr} = await run(['-o', path('refused/tiny'), ...args], env);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
  });

  test('an image that is to boot and has no kernel is told so, exit 3', async () => {
    const {exitCode, stderr} = await run(['-o', path('bare/tiny'), 'vm', 'no-kernel']);
    expect(stderr).toContain('error nothing-boots');
    expect(exitCode).toBe(3);
  });
});
