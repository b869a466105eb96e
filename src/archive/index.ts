/** Debian's package archive as values: release files, package stanzas, versions, and how apt asks for files. Pure. Read `archive.ts` first. */
export * from './apt-method.js';
export * from './archive.js';
export * from './release.js';
export * from './stanza.js';
export * from './version.js';
