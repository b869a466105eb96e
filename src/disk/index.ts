/** Disks as files: what an image file is (`disk-file.ts`). */
export * from './disk-file.js';
export * from './grub.js';
export * from './layout.js';
export * as diskScripts from './scripts.js';
