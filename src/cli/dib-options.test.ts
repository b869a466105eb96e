import {describe, expect, test} from 'vitest';
import {withDibMode} from './dib-mode.js';
import {type DibOptions, dibCommand} from './dib-options.js';

const nothing: DibOptions = {t: [], x: 0, p: []};

function command(options: Partial<DibOptions>, env: Record<string, string> = {}, elements = ['debian-minimal']) {
  return dibCommand(elements, {...nothing, ...options}, env, ['/elements']);
}

describe("disk-image-create's options", () => {
  test('alone give a compressed qcow2 named "image", of "base" and the elements', () => {
    const {request, env, remarks, isQuiet} = command({a: 'amd64'}, {DIB_RELEASE: 'trixie'});
    expect(request).toEqual({
      kind: 'elements',
      name: 'image',
      elements: ['base', 'debian-minimal'],
      architecture: 'amd64',
      packages: [],
      environment: {DIB_DEFAULT_INSTALLTYPE: 'source'},
      elementsPath: ['/elements'],
      size: {kind: 'upstream', journalMiB: 64},
      root: {type: 'ext4', options: [], journalMiB: 64},
      output: {formats: ['qcow2'], qcow2: {isCompressed: true, options: []}, dockerTarget: 'image'},
      outputFile: 'image.qcow2',
      hasChecksums: false,
      keepsOlder: true,
    });
    expect({env, remarks, isQuiet}).toEqual({env: {DIB_RELEASE: 'trixie'}, remarks: [], isQuiet: false});
  });

  test.each<[string, Partial<DibOptions>, Record<string, string>, object]>([
    ['-a', {a: 'arm64'}, {}, {architecture: 'arm64'}],
    ['ARCH', {}, {ARCH: 'aarch64'}, {architecture: 'arm64'}],
    ['-o', {o: '/srv/a.b'}, {}, {name: 'a.b', outputFile: '/srv/a.b.qcow2'}],
    ['-o with the ending', {o: 'a.qcow2'}, {}, {name: 'a', outputFile: 'a.qcow2'}],
    ['-o with another ending', {o: 'a.raw'}, {}, {name: 'a.raw', outputFile: 'a.raw.qcow2'}],
    ['IMAGE_NAME', {}, {IMAGE_NAME: 'b'}, {outputFile: 'b.qcow2'}],
    ['-t', {t: ['squashfs']}, {}, {output: {formats: ['squashfs']}, outputFile: 'image.squash'}],
    ['-t, a list and again', {t: ['raw,tgz', 'qcow2,raw']}, {}, {output: {formats: ['raw', 'tgz', 'qcow2']}}],
    ['-x', {x: 1}, {}, {environment: {DIB_DEBUG_TRACE: '1'}}],
    ['-x -x', {x: 2}, {DIB_DEBUG_TRACE: '1'}, {environment: {DIB_DEBUG_TRACE: '3'}}],
    ['-u', {u: true}, {}, {output: {qcow2: {isCompressed: false}}}],
    ['-n', {n: true}, {}, {elements: ['debian-minimal']}],
    ['SKIP_BASE', {}, {SKIP_BASE: '1'}, {elements: ['debian-minimal']}],
    ['-p, a list and again', {p: ['a,b', 'c']}, {}, {packages: ['a', 'b', 'c']}],
    ['--checksum', {checksum: true}, {}, {hasChecksums: true}],
    ['DIB_CHECKSUM', {}, {DIB_CHECKSUM: '1'}, {hasChecksums: true}],
    ['--image-size', {imageSize: '5'}, {DIB_IMAGE_SIZE: '9'}, {size: {kind: 'fixed', diskBytes: 5 * 2 ** 30}}],
    ['DIB_IMAGE_SIZE', {}, {DIB_IMAGE_SIZE: '1.5'}, {size: {kind: 'fixed', diskBytes: 1.5 * 2 ** 30}}],
    ['--image-extra-size', {imageExtraSize: '100'}, {}, {size: {kind: 'upstream', extraMiB: 100}}],
    ['--mkfs-journal-size', {mkfsJournalSize: '32'}, {}, {size: {journalMiB: 32}, root: {journalMiB: 32}}],
    ['DIB_JOURNAL_SIZE', {}, {DIB_JOURNAL_SIZE: '16'}, {root: {journalMiB: 16}}],
    ['--max-online-resize', {maxOnlineResize: '99'}, {}, {root: {options: ['-E', 'resize=99']}}],
    ['--mkfs-options', {mkfsOptions: '-m 0  -O ^x'}, {}, {root: {options: ['-m', '0', '-O', '^x']}}],
    ['--qemu-img-options', {qemuImgOptions: 'compat=0.10'}, {}, {output: {qcow2: {options: ['compat=0.10']}}}],
    ['--root-label', {rootLabel: 'my-root'}, {}, {root: {label: 'my-root'}}],
    ['FS_TYPE', {}, {FS_TYPE: 'ext3'}, {root: {type: 'ext3'}}],
    ['--install-type', {installType: 'package'}, {}, {environment: {DIB_DEFAULT_INSTALLTYPE: 'package'}}],
    ['--docker-target', {dockerTarget: 'me/it:1'}, {}, {output: {dockerTarget: 'me/it:1'}}],
    ['--offline', {offline: true}, {}, {environment: {DIB_OFFLINE: '1'}}],
    ['OVERWRITE_OLD_IMAGE', {}, {OVERWRITE_OLD_IMAGE: '1'}, {keepsOlder: false}],
  ])('%s', (_, options, env, wanted) => {
    expect(command(options, env).request).toMatchObject(wanted);
  });

  test('"vm" gets a disk where no element says which', () => {
    const elements = (names: string[], a = 'amd64') => command({n: true, a}, {}, names).request.elements;
    expect(elements(['vm', 'x'])).toEqual(['vm', 'x', 'block-device-mbr']);
    expect(elements(['vm', 'x'], 'arm64')).toEqual(['vm', 'x', 'block-device-efi']);
    expect(elements(['vm', 'block-device-gpt'])).toEqual(['vm', 'block-device-gpt']);
  });

  test('-c keeps nothing of the environment but places', () => {
    const caller = {DIB_RELEASE: 'sid', ELEMENTS_PATH: '/x', DIB_IMAGE_SIZE: '9', PATH: '/bin', TROVESTACK_STORE: '/s'};
    const {env, request} = command({c: true}, caller);
    expect(env).toEqual({PATH: '/bin', TROVESTACK_STORE: '/s'});
    expect(request.size).toMatchObject({kind: 'upstream'});
  });

  test('what changes nothing is said', () => {
    const {remarks} = command({imageCache: '/c', noTmpfs: true, ramdiskElement: 'ramdisk'});
    expect(remarks).toHaveLength(3);
    expect(remarks.every((text) => text.includes('change'))).toBe(true);
  });

  test('--logfile is quiet unless DIB_QUIET says otherwise', () => {
    expect(command({logfile: 'log'})).toMatchObject({logFile: 'log', isQuiet: true});
    expect(command({logfile: 'log'}, {DIB_QUIET: '0'}).isQuiet).toBe(false);
    expect(command({}, {DIB_QUIET: '1'}).isQuiet).toBe(true);
  });

  test.each<[Partial<DibOptions>, string]>([
    [{a: 'armhf'}, 'Cannot use -a armhf: images are built for amd64 and arm64'],
    [{t: ['vhd']}, 'Cannot use -t: the format "vhd" is not written: it takes a patched vhd-util'],
    [{t: ['aci']}, 'Cannot use -t: the format "aci" is not written'],
    [{t: ['qcow']}, 'Cannot use -t: there is no format "qcow"'],
    [{imageSize: 'big'}, 'Cannot use --image-size big: it has to be a number above 0'],
    [{mkfsJournalSize: '1.5'}, 'Cannot use --mkfs-journal-size 1.5: it has to be a whole number'],
    [{qemuImgOptions: 'compat'}, '"compat" is not of the form key=value'],
    [{qemuImgOptions: 'backing_file=/etc/shadow'}, '"backing_file" cannot be chosen for an image'],
  ])('%j is refused', (options, message) => {
    expect(() => command(options)).toThrow(message);
  });

  test('without elements are refused', () => {
    expect(() => command({}, {}, [])).toThrow('at least one element of a distribution has to be named');
  });
});

describe('trove-image-builder --dib', () => {
  test.each([
    [
      ['image', 'build', '--dib', '-o', 'x', 'vm'],
      ['image', 'dib', '-o', 'x', 'vm'],
    ],
    [
      ['image', 'build', '-o', 'x', '--dib', 'vm'],
      ['image', 'dib', '-o', 'x', 'vm'],
    ],
    [
      ['image', 'build', 'mariadb'],
      ['image', 'build', 'mariadb'],
    ],
    [
      ['image', 'build', '--', '--dib'],
      ['image', 'build', '--', '--dib'],
    ],
    [
      ['image', 'plan', '--dib'],
      ['image', 'plan', '--dib'],
    ],
  ])('%j', (typed, wanted) => {
    expect(withDibMode(typed)).toEqual(wanted);
  });
});
