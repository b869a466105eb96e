/** Disks as files: what an image file is (`disk-file.ts`). */
export * from './disk-file.js';
