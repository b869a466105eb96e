/** The catalogue of datastores (`datastores/NAME.yaml`): schema, reading, named rules; and what a cloud should know of a
 * version against what it knows, as a plan. Pure, save `read.ts`. Read `schema.ts` first. */
export * from './activation.js';
export * from './choose.js';
export * from './gate.js';
export * from './load-plan.js';
export * from './parameters.js';
export * from './read.js';
export * from './registration.js';
export * from './retention.js';
export * from './rules.js';
export * from './schema.js';
