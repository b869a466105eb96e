/** Content-addressed results: staged aside, committed by rename, found by key, shared by all builds on the machine. */
export * from './debs.js';
export type {Replaces} from './generations.js';
export * from './inventory.js';
export * from './package-files.js';
export * from './prune.js';
export {type KeptResult, type ResultKind, resultKinds, withAllOn} from './standing.js';
export * from './store.js';
export {removeTree, type WorkFolder} from './work-folder.js';
