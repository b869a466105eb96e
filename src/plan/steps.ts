import type {Sha256} from '../base/index.js';
import {
  type Element,
  type Hook,
  hookId,
  hooksByPhase,
  type Phase,
  packagesOfPhase,
  phaseNames,
  phases,
} from '../element/index.js';
import * as scripts from './scripts.js';
import type {Step, StepWork} from './step.js';

/** All that a tree's steps are made from. */
export interface TreeInputs {
  /** Resolved and in order. */
  readonly elements: readonly Element[];
  /** Variables that every hook sees; each is an input of every step. */
  readonly variables: Readonly<Record<string, string>>;
  /** Variables that say which image it is: seen by, and inputs of, all hooks but those of root.d. */
  readonly imageVariables: Readonly<Record<string, string>>;
  /** The variables with what environment.d made of them; asked by the conditions of package lists. */
  readonly evaluated: Readonly<Record<string, string | undefined>>;
  /** Of the tools root. */
  readonly toolsIdentity: Sha256;
  /** Package sources of the base root, as apt has them; empty when mmdebstrap's own are taken. */
  readonly sources: readonly string[];
  readonly release: string;
  readonly kind: GuestTree | {readonly kind: 'container' | 'elements'};
}

export interface GuestTree {
  readonly kind: 'guest';
  readonly container: {readonly name: string; readonly key: Sha256; readonly settings: string};
  /** Written into the image, and so an input: a canonical text. */
  readonly manifest: string;
}

/** The steps of a tree in their order: phases as upstream has them, with the engine's own where upstream has elements for it. */
export function stepsOfTree(inputs: TreeInputs): Step[] {
  const hooks = hooksByPhase(inputs.elements);
  const common = commonInputs(inputs);
  const own = (id: string, work: StepWork, more: Partial<Step> = {}): Step => ({
    id: `engine/${id}`,
    place: 'inside',
    usesNetwork: false,
    work,
    ...more,
    inputs: {...common, ...more.inputs},
  });
  const script = (id: string, text: string, args: readonly string[] = [], more: Partial<Step> = {}) =>
    own(id, {kind: 'script', script: text, args}, more);
  const {sources, release} = inputs;
  const steps: Step[] = [
    own('package-archive', {kind: 'package archive', sources, release}, {place: 'outside', usesNetwork: true}),
  ];
  for (const phase of phaseNames) {
    if (phase === 'pre-install.d') steps.push(...preparationSteps(inputs, script));
    if (phase === 'cleanup.d') steps.push(...closingSteps(inputs, own));
    steps.push(...packageSteps(inputs, phase, 'install', script));
    if (phase === 'install.d') steps.push(...staticSteps(inputs, script));
    steps.push(...(hooks.get(phase) ?? []).map((hook) => hookStep(hook, inputs, common)));
    steps.push(...packageSteps(inputs, phase, 'remove', script));
    if (phase === 'post-install.d' && inputs.kind.kind !== 'container')
      steps.push(script('initramfs', scripts.initramfs));
  }
  return [...steps, script('hygiene', scripts.hygiene, [], {place: 'outside'})];
}

type ScriptStep = (id: string, text: string, args?: readonly string[], more?: Partial<Step>) => Step;
type OwnStep = (id: string, work: StepWork, more?: Partial<Step>) => Step;

/** What every step of a tree depends on: variables, tools, and environment.d, which all hooks read. */
function commonInputs({elements, variables, toolsIdentity}: TreeInputs): Record<string, string> {
  const common: Record<string, string> = {'tools root': toolsIdentity};
  for (const [name, value] of Object.entries(variables)) common[`variable ${name}`] = value;
  for (const {name, files} of elements) {
    for (const file of files) {
      if (file.path.startsWith('environment.d/')) common[`${name}/${file.path}`] = file.sha256;
    }
  }
  return common;
}

/** A hook depends on its element's files, but not on the element's other hooks: they are steps of their own. */
function hookStep(hook: Hook, {elements, imageVariables}: TreeInputs, common: Readonly<Record<string, string>>): Step {
  const files = elements.find((element) => element.name === hook.element)?.files ?? [];
  const inputs: Record<string, string> = {...common};
  if (hook.phase !== 'root.d') {
    for (const [name, value] of Object.entries(imageVariables)) inputs[`variable ${name}`] = value;
  }
  for (const file of files) {
    const isOtherHook = /^[a-z-]+\.d\//.test(file.path) && file.path !== `${hook.phase}/${hook.name}`;
    if (!isOtherHook) inputs[file.path] = file.isExecutable ? `${file.sha256} x` : file.sha256;
  }
  const place = phases[hook.phase];
  const work = {kind: 'hook', element: hook.element, phase: hook.phase, name: hook.name} as const;
  return {id: hookId(hook), place, usesNetwork: true, work, inputs};
}

function preparationSteps({elements}: TreeInputs, script: ScriptStep): Step[] {
  const commands = filesBelow(elements, 'bin/');
  return [script('prepare', scripts.prepare, [], {place: 'inside', inputs: commands})];
}

function packageSteps({elements, evaluated}: TreeInputs, phase: Phase, act: 'install' | 'remove', script: ScriptStep) {
  if (phase !== 'pre-install.d' && phase !== 'install.d' && phase !== 'post-install.d') return [];
  const requests = elements.flatMap(({name, packages}) => packages.map((request) => ({...request, element: name})));
  const names = packagesOfPhase(requests, phase, evaluated)[act];
  if (names.length === 0) return [];
  const id = `${phase}/${act}-packages`;
  const inputs = {packages: names.join(' ')};
  return [
    script(id, act === 'install' ? scripts.installPackages : scripts.removePackages, names, {
      usesNetwork: true,
      inputs,
    }),
  ];
}

function staticSteps({elements}: TreeInputs, script: ScriptStep): Step[] {
  const inputs = filesBelow(elements, 'static/');
  return Object.keys(inputs).length > 0
    ? [script('install.d/install-static', scripts.installStatic, [], {inputs})]
    : [];
}

function filesBelow(elements: readonly Element[], folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const {name, files} of elements) {
    for (const file of files) {
      if (file.path.startsWith(folder))
        found[`${name}/${file.path}`] = `${file.sha256}${file.isExecutable ? ' x' : ''}`;
    }
  }
  return found;
}

function closingSteps({kind}: TreeInputs, own: OwnStep): Step[] {
  if (kind.kind !== 'guest') return [];
  const {name, key, settings} = kind.container;
  return [
    own('container', {kind: 'container', container: name}, {place: 'outside', inputs: {container: key, settings}}),
    own('manifest', {kind: 'manifest'}, {inputs: {manifest: kind.manifest}}),
  ];
}
