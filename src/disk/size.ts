/** A size in a block device configuration: absolute, or a share of what is still free on the disk. */
export type Size =
  | {readonly kind: 'bytes'; readonly bytes: number}
  | {readonly kind: 'percent'; readonly percent: number};

/** Units of diskimage-builder: those with "i" are powers of 1024, the others of 1000. */
const units: Readonly<Record<string, number>> = {
  TiB: 1024 ** 4,
  GiB: 1024 ** 3,
  MiB: 1024 ** 2,
  KiB: 1024,
  TB: 1000 ** 4,
  GB: 1000 ** 3,
  MB: 1000 ** 2,
  KB: 1000,
  T: 1000 ** 4,
  G: 1000 ** 3,
  M: 1000 ** 2,
  K: 1000,
  B: 1,
  '': 1,
};

/** `8MiB`, `1.5 GB`, `4096` (bytes), `50%`; undefined for what is none of these. */
export function parseSize(text: string): Size | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*|%)$/.exec(text.trim());
  if (!match) return undefined;
  const [, digits = '', unit = ''] = match;
  const count = Number(digits);
  if (unit === '%') return count <= 100 ? {kind: 'percent', percent: count} : undefined;
  const factor = units[unit];
  return factor === undefined ? undefined : {kind: 'bytes', bytes: Math.trunc(factor * count)};
}
