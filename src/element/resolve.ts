import {compareCodePoints, UsageError} from '../base/index.js';
import type {Element} from './element.js';

/** The elements of an image in their order, which is by name (upstream's is that of a Python set, so undefined).
 * An element that another one provides is left out, with what only it depends on.
 * @param read The requested elements with all that they depend on.
 * @throws {UsageError} `clashing-elements`, `no-operating-system`
 */
export function resolveElements(requested: readonly string[], read: readonly Element[]): Element[] {
  const byName = new Map(read.map((element) => [element.name, element]));
  let elements = closure(requested, byName, new Set());
  let providers = providersAmong(elements);
  // Each round leaves out what the last one found to be provided; that ends, since elements without effect stay out.
  for (let round = 0; round < read.length; round++) {
    const next = closure(requested, byName, new Set(providers.keys()));
    if (next.length === elements.length) break;
    elements = next;
    providers = providersAmong(elements);
  }
  const clashes = [...providers].flatMap(([name, by]) => {
    if (by.length > 1) return [`"${name}" is provided by ${by.map((b) => `"${b}"`).join(' and ')}`];
    return requested.includes(name) ? [`"${name}" is asked for, and provided by "${by[0]}"`] : [];
  });
  if (clashes.length > 0) throw new UsageError('clashing-elements', {clashes});
  if (!providers.has('operating-system')) throw new UsageError('no-operating-system', {elements: requested});
  return elements.filter((element) => !providers.has(element.name)).sort((a, b) => compareCodePoints(a.name, b.name));
}

function closure(
  requested: readonly string[],
  byName: ReadonlyMap<string, Element>,
  provided: ReadonlySet<string>,
): Element[] {
  const found = new Map<string, Element>();
  const waiting = [...requested];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const element = byName.get(name);
    if (!element || found.has(name)) continue;
    found.set(name, element);
    if (!provided.has(name)) waiting.push(...element.dependencies);
  }
  return [...found.values()];
}

function providersAmong(elements: readonly Element[]): Map<string, string[]> {
  const providers = new Map<string, string[]>();
  for (const element of elements) {
    for (const name of element.provides) providers.set(name, [...(providers.get(name) ?? []), element.name]);
  }
  return new Map([...providers].sort(([a], [b]) => compareCodePoints(a, b)).map(([name, by]) => [name, by.sort()]));
}
