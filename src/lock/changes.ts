import {compareVersions, type Deb} from '../archive/index.js';
import {compareCodePoints} from '../base/index.js';
import type {Lock, LockedSource, LockSubject} from './lock.js';

/** A package that isn't what it was; without a version after it, it is gone, without one before it, it is new. */
export interface PackageMove {
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

interface NamedVersion {
  readonly name: string;
  readonly version: string;
}

/** What of an image is not as its lock has it, in words; empty when the lock is the image's. */
export function subjectChanges(locked: LockSubject, now: LockSubject): string[] {
  if (locked.image !== now.image) return [`it is of image "${locked.image}", not of "${now.image}"`];
  if (locked.series !== now.series) return [`it is of series ${locked.series}, not of ${now.series}`];
  const names = [...new Set([...Object.keys(locked.elements), ...Object.keys(now.elements)])].sort(compareCodePoints);
  const elements = names.flatMap((name) => {
    const [before, after] = [locked.elements[name], now.elements[name]];
    if (before === after) return [];
    return [`element ${name} ${before === undefined ? 'is new' : after === undefined ? 'is gone' : 'changed'}`];
  });
  return [
    ...(locked.definition === now.definition ? [] : ['options, variables or the catalogue changed']),
    ...elements,
  ];
}

/** How the packages of two locks differ, by name. */
export function packageMoves(before: readonly Deb[], after: readonly Deb[]): PackageMove[] {
  const [old, now] = [newestByName(before), newestByName(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort(compareCodePoints);
  return names.flatMap((name) => move(name, old.get(name)?.version, now.get(name)?.version));
}

/** Which of a lock's packages an archive has in another version by now, or no longer.
 * @param indexed All that its indexes say of packages with these names.
 */
export function movedPackages(locked: readonly Deb[], indexed: readonly NamedVersion[]): PackageMove[] {
  const now = newestByName(indexed);
  return [...newestByName(locked).values()]
    .flatMap(({name, version}) => move(name, version, now.get(name)?.version))
    .sort((a, b) => compareCodePoints(a.name, b.name));
}

function move(name: string, before: string | undefined, after: string | undefined): PackageMove[] {
  if (before === after) return [];
  return [{name, ...(before === undefined ? {} : {before}), ...(after === undefined ? {} : {after})}];
}

function newestByName<P extends NamedVersion>(packages: readonly P[]): Map<string, P> {
  const newest = new Map<string, P>();
  for (const item of packages) {
    const known = newest.get(item.name);
    if (!known || compareVersions(known.version, item.version) < 0) newest.set(item.name, item);
  }
  return newest;
}

/** `libssl3 3.5.1 → 3.5.2`; the first few, and how many more. */
export function describeMoves(moves: readonly PackageMove[], most = 3): string {
  const shown = moves.slice(0, most).map(({name, before, after}) => {
    if (before === undefined) return `${name} ${after} is new`;
    return after === undefined ? `${name} ${before} is gone` : `${name} ${before} → ${after}`;
  });
  const more = moves.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

/** `trove abc1234 → def5678`: how a source moved; undefined when it didn't, or is new. */
export function sourceMove(before: readonly LockedSource[], now: LockedSource): string | undefined {
  const old = before.find(({name}) => name === now.name);
  if (!old || old.pin === now.pin) return undefined;
  return `${now.name} ${old.pin.slice(0, 7)} → ${now.pin.slice(0, 7)}`;
}

/** Days between the archive's date in a lock and now. */
export function lockAgeDays({archive}: Lock, nowMs: number): number {
  const newest = Math.max(...archive.suites.map(({date}) => date));
  return Number.isFinite(newest) ? Math.floor((nowMs / 1000 - newest) / 86_400) : 0;
}
