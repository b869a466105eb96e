import {canonicalJson, compareCodePoints, type Sha256, sha256} from '../base/index.js';
import {
  compareHookNames,
  type Element,
  type ElementFile,
  type EvaluatedVariables,
  type Hook,
  type HookChanges,
  hookId,
  hooksByPhase,
  isStep,
  type Phase,
  packagePhases,
  packagesOfPhase,
  phaseNames,
  phases,
  reachOf,
  sourcesElement,
} from '../element/index.js';
import * as scripts from './scripts.js';
import type {Ground, Step, StepWork} from './step.js';

/** All that a tree's steps are made from. */
export interface TreeInputs {
  /** Resolved and in order. */
  readonly elements: readonly Element[];
  /** Variables that every hook sees; each is an input of every step. */
  readonly variables: Readonly<Record<string, string>>;
  /** Variables that say which image it is: seen by, and inputs of, all hooks but those of root.d. */
  readonly imageVariables: Readonly<Record<string, string>>;
  /** The variables with what environment.d made of them: distribution, install types, conditions of package lists. */
  readonly evaluated: EvaluatedVariables;
  /** What the hooks of extra-data.d did to the hooks after them, as far as that is known. */
  readonly hookChanges: HookChanges;
  /** Packages to install beside those of the elements' lists. */
  readonly packages: readonly string[];
  /** Of the tools root. */
  readonly toolsIdentity: Sha256;
  /** Digest of what the engine brings to every step: how hooks are started, the programs that it answers for. */
  readonly engine: Sha256;
  /** Digest of the state of the package archive that packages are taken from; its date is that of the image. */
  readonly archive: Sha256;
  /** What source-repositories fetches: its name → all that says what it is. */
  readonly sources: Readonly<Record<string, string>>;
  readonly kind: GuestTree | {readonly kind: 'container' | 'elements'};
}

export interface GuestTree {
  readonly kind: 'guest';
  readonly container: {
    readonly name: string;
    /** What its tree is made of. */
    readonly identity: Sha256;
    /** What its tree ends with. */
    readonly top: Ground;
    readonly settings: string;
    /** Digest of the scripts that put it into the guest. */
    readonly scripts: Sha256;
  };
  /** Written into the image, and so an input: a canonical text. */
  readonly manifest: string;
  /** How its bills of materials are written. */
  readonly billForm: string;
}

/** The steps of a tree in their order: phases as upstream has them, with the engine's own where upstream has elements for it. */
export function stepsOfTree(inputs: TreeInputs): Step[] {
  const hooks = hooksByPhase(inputs.elements, inputs.evaluated, inputs.hookChanges);
  const common = commonInputs(inputs);
  const data = dataOfElements(inputs.elements);
  const own = (id: string, work: StepWork, more: Partial<Step> = {}): Step => ({
    id: `engine/${id}`,
    place: 'inside',
    reach: 'none',
    work,
    ...more,
    inputs: {...common, ...more.inputs},
  });
  const script = (id: string, text: string, args: readonly string[] = [], more: Partial<Step> = {}) =>
    own(id, {kind: 'script', script: text, args}, more);
  const {kind, packages} = inputs;
  const steps: Step[] = [];
  for (const phase of phaseNames) {
    if (phase === 'pre-install.d') steps.push(...preparationSteps(inputs, script));
    if (phase === 'cleanup.d') steps.push(...closingSteps(inputs, own));
    const ofHooks = (hooks.get(phase) ?? []).map((hook) => ({
      name: hook.name,
      step: hookStep(hook, inputs, common, data),
    }));
    const all = [...engineSteps(inputs, phase, script), ...ofHooks];
    steps.push(...all.sort((a, b) => compareHookNames(a.name, b.name)).map(({step}) => step));
    if (phase === 'install.d' && packages.length > 0) {
      const more = {reach: 'packages', inputs: {packages: packages.join(' ')}} as const;
      steps.push(script('install.d/extra-packages', scripts.installPackages, packages, more));
    }
    if (phase === 'post-install.d' && kind.kind !== 'container') steps.push(script('initramfs', scripts.initramfs));
  }
  return [...steps, closingStep(inputs, script)];
}

/** How many of a tree's steps have to be run before its other steps are certain: all up to the last hook of extra-data.d,
 * which may add hooks; none without such hooks.
 */
export function stepsBeforeCertainty(steps: readonly Step[]): number {
  return steps.findLastIndex(({work}) => work.kind === 'hook' && work.phase === 'extra-data.d') + 1;
}

type ScriptStep = (id: string, text: string, args?: readonly string[], more?: Partial<Step>) => Step;
type OwnStep = (id: string, work: StepWork, more?: Partial<Step>) => Step;

/** What every step of a tree depends on: variables, tools, the engine, and environment.d, which all hooks read. */
function commonInputs({archive, elements, engine, variables, toolsIdentity}: TreeInputs): Record<string, string> {
  const common: Record<string, string> = {'package archive': archive, 'tools root': toolsIdentity, engine};
  for (const [name, value] of Object.entries(variables)) common[`variable ${name}`] = value;
  for (const {name, files} of elements) {
    for (const file of files) {
      if (isEnvironment(file)) common[`${name}/${file.path}`] = file.sha256;
    }
  }
  return common;
}

/** A hook depends on its element's files, but not on the element's other hooks: they are steps of their own. One that knows
 * the folder of all hooks, and each of extra-data.d, which are made for that, depends on the data of all elements.
 */
function hookStep(
  hook: Hook,
  {elements, imageVariables, sources}: TreeInputs,
  common: Readonly<Record<string, string>>,
  data: Readonly<Record<string, string>>,
): Step {
  const element = elements.find(({name}) => name === hook.element);
  const files = element?.files ?? [];
  const inputs: Record<string, string> = {...common};
  if (hook.phase !== 'root.d') {
    for (const [name, value] of Object.entries(imageVariables)) inputs[`variable ${name}`] = value;
  }
  const place = hookPath(hook);
  inputs[place] = hook.sha256;
  for (const file of files) if (isData(file) || file.path === place) inputs[file.path] = contentOf(file);
  const isReader = files.some((file) => file.readsHooks && (isData(file) || file.path === place));
  const isLedToRead = elements.some((other) => other.files.some((file) => file.readsHooks && isEnvironment(file)));
  if (isReader || isLedToRead || hook.phase === 'extra-data.d') Object.assign(inputs, data);
  if (hook.element === sourcesElement) {
    for (const [name, what] of Object.entries(sources)) inputs[sourceInput(name)] = what;
  }
  const work = {kind: 'hook', element: hook.element, phase: hook.phase, name: hook.name} as const;
  const reach = reachOf(element?.settings, hook.phase);
  return {id: hookId(hook), place: phases[hook.phase], reach, work, inputs};
}

/** The input's name. */
export function sourceInput(name: string): string {
  return `source ${name}`;
}

function hookPath({phase, name, linkedFrom}: Hook): string {
  return `${phase}/${linkedFrom ?? name}`;
}

function contentOf(file: ElementFile): string {
  return file.isExecutable ? `${file.sha256} x` : file.sha256;
}

/** Neither a hook nor part of every hook's environment. */
function isData(file: ElementFile): boolean {
  return !isStep(file) && !isEnvironment(file);
}

/** Read by every hook. */
function isEnvironment({path}: ElementFile): boolean {
  return path.startsWith('environment.d/');
}

/** Of each element a digest of all that isn't a hook. */
function dataOfElements(elements: readonly Element[]): Record<string, string> {
  return Object.fromEntries(
    elements.map(({name, files}) => [
      `data of ${name}`,
      sha256(canonicalJson(files.filter(isData).map((file) => [file.path, contentOf(file)]))),
    ]),
  );
}

function preparationSteps({elements, kind}: TreeInputs, script: ScriptStep): Step[] {
  const commands = filesBelow(elements, 'bin/');
  const text = kind.kind === 'elements' ? scripts.prepareAsUpstream : scripts.prepare;
  return [script('prepare', text, [], {place: 'inside', inputs: commands})];
}

/** What upstream has elements for, by the names of their hooks, which say when it is done. */
function engineSteps(inputs: TreeInputs, phase: Phase, script: ScriptStep): {name: string; step: Step}[] {
  const steps: {name: string; step: Step}[] = packageSteps(inputs, phase, script);
  const files = filesBelow(inputs.elements, 'static/');
  if (phase === 'install.d' && Object.keys(files).length > 0) {
    const step = script('install.d/install-static', scripts.installStatic, [], {inputs: files});
    steps.push({name: '10-install-static-files', step});
  }
  return steps;
}

const packageHookNames = {
  'pre-install.d': {install: '10-package-installs', remove: '99-package-uninstalls'},
  'install.d': {install: '01-package-installs', remove: '99-package-uninstalls'},
  'post-install.d': {install: '00-package-installs', remove: '95-package-uninstalls'},
} as const;

function packageSteps({elements, evaluated}: TreeInputs, phase: Phase, script: ScriptStep) {
  const packagePhase = packagePhases.find((p) => p === phase);
  if (!packagePhase) return [];
  const packages = packagesOfPhase(elements, packagePhase, evaluated);
  return (['install', 'remove'] as const).flatMap((act) => {
    const names = packages[act];
    if (names.length === 0) return [];
    const text = act === 'install' ? scripts.installPackages : scripts.removePackages;
    const more = {reach: 'packages', inputs: {packages: names.join(' ')}} as const;
    return [{name: packageHookNames[packagePhase][act], step: script(`${phase}/${act}-packages`, text, names, more)}];
  });
}

function filesBelow(elements: readonly Element[], folder: string): Record<string, string> {
  const found = elements.flatMap(({name, files}) =>
    files
      .filter(({path}) => path.startsWith(folder))
      .map((file): [string, string] => [`${name}/${file.path}`, contentOf(file)]),
  );
  return Object.fromEntries(found.sort(([a], [b]) => compareCodePoints(a, b)));
}

function closingSteps({kind}: TreeInputs, own: OwnStep): Step[] {
  if (kind.kind !== 'guest') return [];
  const {name, identity, top, settings, scripts: made} = kind.container;
  return [
    own(
      'container',
      {kind: 'container', container: name},
      {place: 'outside', inputs: {container: identity, settings, scripts: made}, takesIn: top},
    ),
    own('manifest', {kind: 'manifest'}, {inputs: {manifest: kind.manifest, 'bills of materials': kind.billForm}}),
  ];
}

function closingStep({kind}: TreeInputs, script: ScriptStep): Step {
  if (kind.kind === 'elements') return script('finish', scripts.finishAsUpstream, [], {place: 'outside'});
  return script('hygiene', scripts.hygiene, [], {place: 'outside'});
}
