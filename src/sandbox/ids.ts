import {readFileSync} from 'node:fs';

/** A run of ids: `count` ids from `inside` on, seen from this process's user namespace, are those from `outside` on in the
 * namespace around it. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** Where the ids of sandboxes lie, seen from this process. */
export interface SandboxIds {
  /** Id 0 of a sandbox is this one here. */
  readonly base: number;
  /** The same, seen from the namespace around this process: what files in the store carry. */
  readonly baseOutside: number;
}

/** How many ids a sandbox has: 0 to 65534, that of "nobody". 65535 means "no change" in system calls. */
export const idCount = 65_535;

/** Where the machine's own ids are seen: above what systems hand out to users and containers. Fixed, since files in the
 * store carry them. */
const baseOfRoot = 0x7000_0000;

/** Where sandboxes' ids lie within a namespace that has few: next to its root, which is the user himself. */
const baseOfUser = 1;

/** Parses `/proc/<pid>/uid_map`. */
export function parseIdMap(text: string): IdRange[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([inside, outside, count]) =>
      inside === undefined || outside === undefined || count === undefined ? [] : [{inside, outside, count}],
    );
}

/** Where a process with these ids can put its sandboxes' ids; undefined when it has too few. Pure. */
export function placeSandboxIds(ranges: readonly IdRange[]): SandboxIds | undefined {
  for (const base of [baseOfRoot, baseOfUser]) {
    const range = ranges.find((r) => r.inside <= base && base + idCount <= r.inside + r.count);
    if (range) return {base, baseOutside: range.outside + base - range.inside};
  }
  return undefined;
}

let known: SandboxIds | undefined;

/** Where this process puts its sandboxes' ids; undefined when it has too few. Its maps never change. */
export function sandboxIds(): SandboxIds | undefined {
  known ??= placeSandboxIds(parseIdMap(readFileSync('/proc/self/uid_map', 'utf8')));
  return known;
}

/** The first range of at least `idCount` ids that a file in the form of subuid(5) gives to a user. Pure.
 * @param names The user's name and number: either may stand there.
 */
export function findSubordinateIds(text: string, names: readonly string[]): {start: number; count: number} | undefined {
  for (const line of text.split('\n')) {
    const [owner = '', start, count] = line.split(':');
    if (names.includes(owner) && Number(count) >= idCount) return {start: Number(start), count: Number(count)};
  }
  return undefined;
}

/** The first id from 100000 on, in whole steps of 65536, that no line of a subuid(5) file has given away. Pure. */
export function freeSubordinateIds(text: string): number {
  const taken = text
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, start, count]) => start && count)
    .map(([, start, count]) => Number(start) + Number(count));
  const first = 100_000;
  const end = Math.max(first, ...taken);
  return first + Math.ceil((end - first) / 65_536) * 65_536;
}
