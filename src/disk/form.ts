import {canonicalJson, type Sha256, sha256} from '../base/index.js';
import type {BlockDevices, FilesystemRequest} from './block-devices.js';
import {fileSystemTable} from './fstab.js';
import {biosModules, bootPlace, earlyConfiguration, grubConfiguration, patchBiosImages} from './grub.js';
import {identifyFilesystems, layoutDisk} from './layout.js';
import {efiSystemType} from './partition-types.js';
import * as scripts from './scripts.js';

/** Digest of the texts by which any disk is made, for a disk that has a bit of everything: scripts, command lines, boot
 * configuration. A part of every disk's key, so that a changed text makes another disk.
 */
export function diskTexts(): Sha256 {
  return sha256(canonicalJson([textsOf(partitioned), textsOf(whole), fixedTexts, patchedImages()]));
}

const fixedTexts = [
  ...[scripts.findBootFiles, scripts.writeFileSystemTable, scripts.prepareBoot, biosModules.join(' ')],
  ...[scripts.archiveTree, scripts.gzipArchive, scripts.zstdArchive, scripts.packDocker, scripts.squashTree],
  scripts.convertDisk({isCompressed: true, options: []}),
];

const fstab = {options: 'defaults', dumpFrequency: 0, passNumber: 1};
const root: FilesystemRequest = {
  name: 'root',
  type: 'ext4',
  label: 'root',
  options: ['-E', 'lazy'],
  mountPoint: '/',
  fstab,
};

const partitioned: BlockDevices = {
  table: 'gpt',
  alignBytes: 2 ** 20,
  partitions: [
    {name: 'esp', size: {kind: 'bytes', bytes: 2 ** 26}, type: efiSystemType, isBootable: false, isPrimary: true},
    {name: 'data', size: {kind: 'bytes', bytes: 2 ** 26}, type: '83', isBootable: false, isPrimary: true},
    {name: 'root', size: {kind: 'percent', percent: 100}, type: '83', isBootable: true, isPrimary: true},
  ],
  filesystems: [
    {...root, partition: 'root'},
    {name: 'esp', partition: 'esp', type: 'vfat', label: 'ESP', options: [], mountPoint: '/boot/efi', fstab},
    {name: 'data', partition: 'data', type: 'ext4', label: 'data', options: []},
  ],
};

const whole: BlockDevices = {table: 'none', alignBytes: 2 ** 20, partitions: [], filesystems: [root]};

function textsOf(devices: BlockDevices): unknown[] {
  const key = 'any';
  const layout = layoutDisk(devices, 2 ** 30, key);
  const filesystems = identifyFilesystems(devices, key);
  const boot = {timeoutSeconds: 1, kernelArguments: ['quiet']};
  const files = {kernel: '/vmlinuz', initramfs: '/initrd.img'};
  const place = bootPlace(filesystems);
  return [
    layout,
    scripts.makeDisk(layout),
    scripts.measureContent(filesystems),
    fileSystemTable(filesystems, 'uuid'),
    ...(place ? [earlyConfiguration(place), grubConfiguration(place.filesystem, 'label', place, files, boot)] : []),
  ];
}

function patchedImages(): string[] {
  const {boot, core} = patchBiosImages(Buffer.alloc(512), Buffer.alloc(512), 1);
  return [boot.toString('hex'), core.toString('hex')];
}
