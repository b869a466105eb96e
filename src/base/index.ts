/** What any folder may use: errors and their words, events, processes, files, locks, digests, the world a workflow acts in. */
export * from './debian-archive.js';
export * from './digest.js';
export * from './errors.js';
export * from './events.js';
export * from './files.js';
export * from './json.js';
export * from './lock.js';
export * from './nearest.js';
export * from './process.js';
export * from './shell.js';
export * from './tar.js';
export * from './world.js';
export * from './yaml-file.js';
