import type {ChangedFile, FilePath, ImageDifference, SizeChange} from '../inspection/index.js';
import {formatBytes} from '../report/index.js';
import type {ComparedImages} from '../workflows/diff-images.js';

/** How many lines of a kind are shown unless all are asked for. */
const shownLines = 12;

/** Two images' differences for people: kinds that differ, each with its first lines or all of them. */
export function differenceText({before, after, isSameFile, difference}: ComparedImages, showsAll: boolean): string {
  const heads = [`- ${before.name}`, `+ ${after.name}`];
  const notes = [...before.notes, ...after.notes].map((note) => `note: ${note}`);
  if (isSameFile) return [...heads, ...notes, 'the same file, byte by byte'].join('\n');
  if (difference.isEqual) {
    return [...heads, ...notes, 'the same content: only bytes that belong to no file differ'].join('\n');
  }
  const sections = sectionsOf(difference).filter(({lines}) => lines.length > 0);
  const texts = sections.flatMap(({title, lines}) => [
    '',
    title,
    ...limited(lines, showsAll).map((line) => `  ${line}`),
  ]);
  return [...heads, ...notes, ...texts].join('\n');
}

interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

function sectionsOf(difference: ImageDifference): Section[] {
  const {disk, packages, files, units, users, groups, ports, size} = difference;
  return [
    {
      title: 'disk',
      lines: disk.map(({name, before, after}) => `${name}: ${shortDigest(before)} → ${shortDigest(after)}`),
    },
    {
      title: counted('packages', packages),
      lines: [
        ...packages.added.map(({name, version}) => `+ ${name} ${version}`),
        ...packages.removed.map(({name, version}) => `- ${name} ${version}`),
        ...packages.changed.map(
          (p) => `~ ${p.name} ${p.before} → ${p.after}${p.direction === 'downgraded' ? ' (older)' : ''}`,
        ),
      ],
    },
    {
      title: 'units',
      lines: units.map(({name, before, after}) => `${mark(before, after)} ${name}: ${before} → ${after}`),
    },
    {
      title: counted('users', users),
      lines: [
        ...users.added.map(({name, uid, shell}) => `+ ${name} (uid ${uid}, ${shell})`),
        ...users.removed.map(({name, uid}) => `- ${name} (uid ${uid})`),
        ...users.changed.map(({name, before, after}) => `~ ${name}: ${before} → ${after}`),
      ],
    },
    {
      title: counted('groups', groups),
      lines: [
        ...groups.added.map(({name, gid}) => `+ ${name} (gid ${gid})`),
        ...groups.removed.map(({name, gid}) => `- ${name} (gid ${gid})`),
        ...groups.changed.map(({name, before, after}) => `~ ${name}: ${before} → ${after}`),
      ],
    },
    {
      title: 'listening ports, as far as configuration tells',
      lines: [
        ...ports.added.map((port) => `+ ${port.port}/${port.protocol} on ${port.address} by ${port.by}`),
        ...ports.removed.map((port) => `- ${port.port}/${port.protocol} on ${port.address} by ${port.by}`),
      ],
    },
    {title: counted('files', files), lines: fileLines(files)},
    {
      title: sizeTitle(size.beforeBytes, size.afterBytes, 'package'),
      lines: sizeLines(size.packages, 'files of no package'),
    },
    {title: sizeTitle(size.beforeBytes, size.afterBytes, 'folder'), lines: sizeLines(size.folders, '/')},
  ];
}

/** A digest's first digits tell two apart. */
function shortDigest(text: string): string {
  return text.replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, '$1…');
}

/** Files of packages that came, went or changed follow from that; the others come first. */
function fileLines({added, removed, changed}: ImageDifference['files']): string[] {
  const isTimeOnly = ({differences}: ChangedFile) => differences.join() === 'time';
  const lines = [
    ...added.map((file) => ({file, line: `+ ${shown(file)}`})),
    ...removed.map((file) => ({file, line: `- ${shown(file)}`})),
    ...changed
      .filter((file) => !isTimeOnly(file))
      .map((file) => ({file, line: `~ ${shown(file)}: ${file.differences.join(', ')}`})),
  ];
  const ofNone = lines.filter(({file}) => file.package === undefined);
  const ofPackages = lines.filter(({file}) => file.package !== undefined);
  const times = changed.filter(isTimeOnly).length;
  return [
    ...[...ofNone, ...ofPackages].map(({line}) => line),
    ...(times > 0 ? [`~ ${times} more differ in their time alone`] : []),
  ];
}

function shown(file: FilePath): string {
  const suffix = file.type === 'folder' ? '/' : '';
  return `${file.path}${suffix}${file.package === undefined ? '' : ` (${file.package})`}`;
}

function sizeLines(changes: readonly SizeChange[], unnamed: string): string[] {
  return changes.map(({name, beforeBytes, afterBytes}) => {
    const growth = afterBytes - beforeBytes;
    const sign = growth < 0 ? '-' : '+';
    return `${sign}${formatBytes(Math.abs(growth))}  ${name || unnamed} (${formatBytes(beforeBytes)} → ${formatBytes(afterBytes)})`;
  });
}

function sizeTitle(before: number, after: number, by: string): string {
  return `size of all files by ${by}: ${formatBytes(before)} → ${formatBytes(after)}`;
}

function counted(
  title: string,
  set: {readonly added: readonly unknown[]; readonly removed: readonly unknown[]; readonly changed: readonly unknown[]},
): string {
  return `${title}: ${set.added.length} added, ${set.removed.length} removed, ${set.changed.length} changed`;
}

function mark(before: string, after: string): string {
  return before === 'absent' ? '+' : after === 'absent' ? '-' : '~';
}

function limited(lines: readonly string[], showsAll: boolean): string[] {
  if (showsAll || lines.length <= shownLines) return [...lines];
  return [...lines.slice(0, shownLines - 1), `… and ${lines.length - shownLines + 1} more (--all shows them)`];
}
