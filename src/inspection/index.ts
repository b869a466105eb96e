/** What is in an image, as values: a listing of its files, its packages, units, accounts and ports; two images compared; where a
 * path or a megabyte came from; the bill of materials. Pure. Read `listing.ts`, then `content.ts`. */
export * from './accounts.js';
export * from './attribution.js';
export * from './compare.js';
export * from './content.js';
export * from './dpkg.js';
export * from './list-tree.js';
export * from './listing.js';
export * from './ports.js';
export * from './sbom/index.js';
export * from './sizes.js';
export * from './units.js';
