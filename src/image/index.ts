/** What to build, as a value: datastore × version × series × distribution. Pure. */
export * from './definition.js';
export * from './docker-store.js';
export * from './formats.js';
export * from './series.js';
