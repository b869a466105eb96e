import {type Filesystem, sectorBytes} from './layout.js';

/** The command line that makes a file system.
 * @param file The disk file, in which an ext file system has its place; for vfat a file of its own.
 * @param content Folder that an ext file system is filled from; a vfat one is filled afterwards.
 */
export function mkfsCommand(filesystem: Filesystem, file: string, content: string): string[] {
  return filesystem.type === 'vfat' ? vfatCommand(filesystem, file) : extCommand(filesystem, file, content);
}

/** mke2fs hears only its last `-E`: those of the options are put together with ours, which say what has to be so. */
function extCommand({type, label, uuid, options, start, size}: Filesystem, disk: string, content: string): string[] {
  const {extended, others} = splitExtended(options);
  const own = [`hash_seed=${uuid}`, 'root_owner=0:0', ...(start > 0 ? [`offset=${start * sectorBytes}`] : [])];
  const kib = Math.floor((size * sectorBytes) / 1024);
  return [
    ...['mke2fs', '-q', '-F', '-t', type, ...others, '-L', label, '-U', uuid],
    ...['-E', [...extended, ...own].join(','), '-d', content, disk, `${kib}K`],
  ];
}

function splitExtended(options: readonly string[]): {extended: string[]; others: string[]} {
  const extended: string[] = [];
  const others: string[] = [];
  const waiting = [...options];
  for (let word = waiting.shift(); word !== undefined; word = waiting.shift()) {
    if (word === '-E') extended.push(...(waiting.shift() ?? '').split(',').filter(Boolean));
    else if (word.startsWith('-E')) extended.push(...word.slice(2).split(',').filter(Boolean));
    else others.push(word);
  }
  return {extended, others};
}

/** The file has exactly the file system's size: mkfs.vfat chooses the clusters' size by what the file could hold. */
function vfatCommand({label, uuid, options}: Filesystem, file: string): string[] {
  return ['mkfs.vfat', '--invariant', ...options, '-i', uuid.replace('-', ''), '-n', label, file];
}
