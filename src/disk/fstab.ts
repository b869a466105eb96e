import type {IdentifiedBy} from '../image/index.js';
import type {IdentifiedFilesystem} from './layout.js';

/** /etc/fstab: the file systems that want a line, parents before what is mounted in them. */
export function fileSystemTable(filesystems: readonly IdentifiedFilesystem[], by: IdentifiedBy): string {
  const lines = filesystems.flatMap((filesystem) => {
    const {fstab, mountPoint, type} = filesystem;
    if (!fstab || mountPoint === undefined) return [];
    const {options, dumpFrequency, passNumber} = fstab;
    return [`${identity(filesystem, by)} ${mountPoint} ${type} ${options} ${dumpFrequency} ${passNumber}\n`];
  });
  return lines.join('');
}

/** `UUID=…` or `LABEL=…`, as fstab and the kernel's command line have it. */
export function identity({uuid, label}: IdentifiedFilesystem, by: IdentifiedBy): string {
  return by === 'uuid' ? `UUID=${uuid}` : `LABEL=${label}`;
}
