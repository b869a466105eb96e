/** Disks as files: what an image file is (`disk-file.ts`), what is in it (`ext4.ts`), what a disk is to be (`block-devices.ts`,
 * `layout.ts`), and the scripts that make it without mounting anything of this machine's (`scripts.ts`). */
export * from './block-devices.js';
export * from './configurations.js';
export * from './disk-file.js';
export * from './docker-archive.js';
export * from './ext4.js';
export {DamagedFileSystem} from './ext4-records.js';
export * from './file-system.js';
export * from './form.js';
export * from './fstab.js';
export * from './grub.js';
export * from './layout.js';
export * from './partition-table.js';
export * from './raw-disk.js';
export * from './scripts.js';
