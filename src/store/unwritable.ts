/** Codes of a store that can't be written, but can be read all the same. */
export const unwritable: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);
