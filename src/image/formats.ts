import {nearestNames, UsageError} from '../base/index.js';

/** A form that an image is written in. The first two are disks; the others hold its files alone. */
export type ImageFormat = 'qcow2' | 'raw' | 'tar' | 'tgz' | 'tar.zst' | 'squashfs' | 'docker';

/** Each format with the ending of its files; diskimage-builder's where it has the format. */
export const formatEndings: Readonly<Record<ImageFormat, string>> = {
  qcow2: 'qcow2',
  raw: 'raw',
  tar: 'tar',
  tgz: 'tgz',
  'tar.zst': 'tar.zst',
  squashfs: 'squash',
  docker: 'docker.tar',
};

export const imageFormats = Object.keys(formatEndings) as readonly ImageFormat[];

/** A path without the ending that a format gave it. */
export function withoutEnding(path: string): string {
  const endings = imageFormats.map((format) => `.${formatEndings[format]}`);
  const [longest] = endings.filter((ending) => path.endsWith(ending)).sort((a, b) => b.length - a.length);
  return longest ? path.slice(0, -longest.length) : path;
}

/** Formats that are known, and why none of ours writes them. */
const refused: Readonly<Record<string, string>> = {
  vhd: 'it takes a patched vhd-util, which no distribution has; convert the raw image with the target hypervisor’s own tool',
  aci: 'the App Container format is no longer maintained, and no current program runs it; use docker or tar',
  vmdk: 'write qcow2, and convert it with qemu-img convert -O vmdk',
  vdi: 'write qcow2, and convert it with qemu-img convert -O vdi',
  vhdx: 'write qcow2, and convert it with qemu-img convert -O vhdx',
};

export function isDiskFormat(format: ImageFormat): boolean {
  return format === 'qcow2' || format === 'raw';
}

/** Formats from a person's lists, `qcow2,raw`; each once, in the order given.
 * @param argument What the lists were given by.
 * @throws {UsageError} `bad-argument` for a format that can't be written, with the reason.
 */
export function parseFormats(lists: readonly string[], argument: string): readonly ImageFormat[] {
  const names = lists.flatMap((list) => list.split(',')).filter(Boolean);
  return [...new Set(names)].map((name) => {
    const format = imageFormats.find((known) => known === name);
    if (format) return format;
    const reason = refused[name];
    const [nearest] = nearestNames(name, imageFormats);
    const problem = reason ? `the format "${name}" is not written: ${reason}` : `there is no format "${name}"`;
    const next = nearest && !reason ? `did you mean "${nearest}"?` : `the formats are ${imageFormats.join(', ')}`;
    throw new UsageError('bad-argument', {argument, problem, next});
  });
}
