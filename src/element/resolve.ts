import {compareCodePoints, UsageError} from '../base/index.js';
import type {Element} from './element.js';

/** The elements of an image in their order, which is by name (upstream's is that of a Python set, so undefined).
 * @param read The requested elements with all that they depend on.
 * @throws {UsageError} `clashing-elements`, `no-operating-system`
 */
export function resolveElements(requested: readonly string[], read: readonly Element[]): Element[] {
  const providers = new Map<string, string[]>();
  for (const element of read) {
    for (const name of element.provides) providers.set(name, [...(providers.get(name) ?? []), element.name]);
  }
  const clashes = [...providers].flatMap(([name, by]) => {
    if (by.length > 1) return [`"${name}" is provided by ${by.map((b) => `"${b}"`).join(' and ')}`];
    return requested.includes(name) ? [`"${name}" is asked for, and provided by "${by[0]}"`] : [];
  });
  if (clashes.length > 0) throw new UsageError('clashing-elements', {clashes});
  if (!providers.has('operating-system')) throw new UsageError('no-operating-system', {elements: requested});
  return read.filter((element) => !providers.has(element.name)).sort((a, b) => compareCodePoints(a.name, b.name));
}
