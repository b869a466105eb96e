/** What to build, as a value: datastore × version × series × distribution. Pure, save `sidecar.ts`, which reads what a build says beside its image. */
export * from './definition.js';
export * from './docker-store.js';
export * from './formats.js';
export * from './sidecar.js';
