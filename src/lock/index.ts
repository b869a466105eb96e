/** Lock files: every package file and element of an image by its digest. Schema, text, and what has changed between two. Pure. Read `schema.ts` first. */
export * from './changes.js';
export * from './lock.js';
