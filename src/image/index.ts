/** What to build, as a value: datastore × version × series × distribution. Pure. */
export * from './definition.js';
