/** An image's passport as values: the in-toto statement of what an image is and how it was made, its DSSE envelope with an ed25519
 * signature, and whether both still belong to a content. Pure. Read `statement.ts`, then `check.ts`. */
export * from './check.js';
export * from './envelope.js';
export * from './key.js';
export * from './statement.js';
