/** A guest under proof, as values: the machine that boots it, the drive with what Trove hands to a guest, the program that
 * starts the database as the guest agent does, and what the console says of it all. Pure: `workflows/verify-image.ts` acts.
 * Read `console.ts` first: how a boot becomes a verdict. */
export * from './cause.js';
export * from './config-drive.js';
export * from './console.js';
export * from './control-plane.js';
export * from './diagnosis.js';
export * from './machine.js';
export * from './proof.js';
