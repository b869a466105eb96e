/** Elements in diskimage-builder's format: read them (`read.ts`, the one file that touches the disk), resolve what they need
 * of each other, order their hooks, and say which packages they want. Read `element.ts` first. */
export * from './credentials.js';
export * from './element.js';
export {type Reach, reachOf} from './element-file.js';
export * from './hooks.js';
export {type EvaluatedVariables, packagePhases, packagesOfPhase} from './package-installs.js';
export * from './read.js';
export * from './resolve.js';
export * from './sources.js';
