import {compareCodePoints, UsageError} from '../base/index.js';
import {
  answeredHooks,
  type Element,
  type ElementFile,
  type Hook,
  hookId,
  nativeElements,
  type Phase,
  phaseNames,
  phases,
} from './element.js';
import {type EvaluatedVariables, installTypeOf} from './package-installs.js';

/** What hooks of extra-data.d did to the folder of all hooks. */
export interface HookChanges {
  readonly added: readonly Hook[];
  /** `<phase>/<name>` of each hook that is gone. */
  readonly removed: readonly string[];
  /** Phases whose folder is gone or another: of their hooks only those in `added` are there. */
  readonly replaced: readonly Phase[];
}

export const noChanges: HookChanges = {added: [], removed: [], replaced: []};

/** The hooks of all elements, by phase, in the order that they run in.
 * @param env Says which install types the elements have.
 * @throws {UsageError} `clashing-elements` with all collisions: a phase is one folder, in which a name is one hook.
 * `hooks-without-interpreter`
 */
export function hooksByPhase(
  elements: readonly Element[],
  env: EvaluatedVariables = {},
  changes: HookChanges = noChanges,
): Map<Phase, Hook[]> {
  const links = installTypeHooks(elements, env);
  checkCollisions(elements, links);
  checkInterpreters(elements);
  const gone = new Set([...changes.removed, ...changes.added.map(({phase, name}) => `${phase}/${name}`)]);
  const all = [...elements.flatMap((element) => phaseNames.flatMap((phase) => hooksOf(element, phase))), ...links];
  const isThere = ({phase, name}: Hook) => !gone.has(`${phase}/${name}`) && !changes.replaced.includes(phase);
  const hooks = [...all.filter(isThere), ...changes.added];
  return new Map(
    phaseNames.map((phase) => [
      phase,
      hooks.filter((hook) => hook.phase === phase).sort((a, b) => compareHookNames(a.name, b.name)),
    ]),
  );
}

function hooksOf(element: Element, phase: Phase): Hook[] {
  if (nativeElements.has(element.name)) return [];
  return element.files.flatMap((file) => {
    const name = file.path.slice(phase.length + 1);
    const hook = {element: element.name, phase, name, sha256: file.sha256};
    return isHook(file, phase, name) && !answeredHooks.has(hookId(hook)) ? [hook] : [];
  });
}

/** As dib-run-parts: a file or link directly in the phase's folder, executable, its name without a dot. */
function isHook(file: ElementFile, folder: string, name: string): boolean {
  return file.path.startsWith(`${folder}/`) && isHookName(name) && (file.isExecutable || file.kind === 'link');
}

export function isHookName(name: string): boolean {
  return /^[0-9A-Za-z_-]+$/.test(name);
}

/** Hooks in `install.d/<element>-<type>-install/`, of the type that is wanted of the element; upstream's element
 * install-types, which has to be among the elements.
 */
function installTypeHooks(elements: readonly Element[], env: EvaluatedVariables): Hook[] {
  if (!elements.some(({name}) => name === 'install-types')) return [];
  return elements.flatMap(({name: element, files}) =>
    files.flatMap((file) => {
      const [, folder = '', prefix = '', type, name = ''] =
        /^install\.d\/((.+)-([^-/]+)-install)\/([^/]+)$/.exec(file.path) ?? [];
      if (type === undefined || installTypeOf(prefix, env) !== type) return [];
      if (!isHook(file, `install.d/${folder}`, name)) return [];
      return [{element, phase: 'install.d', name, sha256: file.sha256, linkedFrom: `${folder}/${name}`} as const];
    }),
  );
}

/** Whether a file of an element is a step of its own, on which the element's other hooks don't depend. */
export function isStep(file: ElementFile): boolean {
  const [, phase = '', name = ''] = /^([a-z-]+\.d)\/(?:[^/]+-install\/)?([^/]+)$/.exec(file.path) ?? [];
  return Object.hasOwn(phases, phase) && isHookName(name) && file.isExecutable;
}

/** Files in a phase that look like hooks, but may not be run: most likely an oversight. */
export function forgottenHooks(elements: readonly Element[]): string[] {
  return elements.flatMap(({name: element, files}) =>
    files
      .filter(({path, kind, isExecutable, isProgram}) => {
        const [phase = '', name = '', ...more] = path.split('/');
        const isInPhase = Object.hasOwn(phases, phase) && more.length === 0 && isHookName(name);
        return isInPhase && kind === 'file' && isProgram && !isExecutable;
      })
      .map(({path}) => `${element}/${path}`),
  );
}

function checkInterpreters(elements: readonly Element[]): void {
  const hooks = elements.flatMap(({folder, files}) =>
    files.filter((file) => isStep(file) && !file.isProgram).map(({path}) => `${folder}/${path}`),
  );
  if (hooks.length > 0) throw new UsageError('hooks-without-interpreter', {hooks});
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

function checkCollisions(elements: readonly Element[], links: readonly Hook[]): void {
  const owners = new Map<string, string[]>();
  const own = (path: string, name: string) => owners.set(path, [...(owners.get(path) ?? []), name]);
  for (const {name, files} of elements) {
    for (const {path} of files) if (path.includes('/')) own(path, name);
  }
  for (const {element, phase, name} of links) own(`${phase}/${name}`, element);
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
