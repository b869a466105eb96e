import {compareCodePoints, UsageError} from '../base/index.js';
import {answeredHooks, type Element, type ElementFile, type Hook, hookId, type Phase, phaseNames} from './element.js';

/** The hooks of all elements, by phase, in the order that they run in.
 * @throws {UsageError} `clashing-elements` with all collisions: a phase is one folder, in which a name is one hook.
 */
export function hooksByPhase(elements: readonly Element[]): Map<Phase, Hook[]> {
  checkCollisions(elements);
  return new Map(
    phaseNames.map((phase) => [
      phase,
      elements.flatMap((element) => hooksOf(element, phase)).sort((a, b) => compareHookNames(a.name, b.name)),
    ]),
  );
}

function hooksOf(element: Element, phase: Phase): Hook[] {
  return element.files.flatMap((file) => {
    const name = file.path.slice(phase.length + 1);
    const hook = {element: element.name, phase, name, sha256: file.sha256};
    return isHook(file, phase, name) && !answeredHooks.has(hookId(hook)) ? [hook] : [];
  });
}

/** As dib-run-parts: a file or link directly in the phase's folder, executable, its name without a dot. */
function isHook(file: ElementFile, phase: Phase, name: string): boolean {
  return (
    file.path.startsWith(`${phase}/`) && /^[0-9A-Za-z_-]+$/.test(name) && (file.isExecutable || file.kind === 'link')
  );
}

/** The files that every hook's environment is read from, in their order; they need not be executable, and may have dots. */
export function environmentFiles(elements: readonly Element[]): {readonly name: string; readonly path: string}[] {
  return elements
    .flatMap(({folder, files}) =>
      files.flatMap(({path}) => {
        const [, name] = /^environment\.d\/([0-9A-Za-z_.-]+)$/.exec(path) ?? [];
        return name === undefined ? [] : [{name, path: `${folder}/${path}`}];
      }),
    )
    .sort((a, b) => compareHookNames(a.name, b.name));
}

function checkCollisions(elements: readonly Element[]): void {
  const owners = new Map<string, string[]>();
  for (const {name, files} of elements) {
    for (const {path} of files) if (path.includes('/')) owners.set(path, [...(owners.get(path) ?? []), name]);
  }
  const clashes = [...owners]
    .filter(([, names]) => names.length > 1)
    .map(([path, names]) => `"${path}" is in ${names.map((name) => `"${name}"`).join(' and ')}`);
  if (clashes.length > 0) throw new UsageError('clashing-elements', {clashes});
}

/** The order of `sort -n` under LC_ALL=C: by the number that a name begins with (none counts as 0), then by bytes. */
export function compareHookNames(a: string, b: string): number {
  return leadingNumber(a) - leadingNumber(b) || compareCodePoints(a, b);
}

function leadingNumber(name: string): number {
  return Number(/^-?\d+/.exec(name)?.[0] ?? 0);
}
