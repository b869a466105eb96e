import type {Sha256} from '../base/index.js';
import type {ElementSettings} from './element-file.js';
import type {PackageRequest} from './package-installs.js';
import type {PackageMap} from './package-map.js';

/** DIB's phases in their order. `outside` hooks see the image's tree at TARGET_ROOT; `inside` ones run in it. */
export const phases = {
  'root.d': 'outside',
  'extra-data.d': 'outside',
  'pre-install.d': 'inside',
  'install.d': 'inside',
  'post-install.d': 'inside',
  'post-root.d': 'outside',
  'block-device.d': 'outside',
  'pre-finalise.d': 'outside',
  'finalise.d': 'inside',
  'cleanup.d': 'outside',
} as const;

export type Phase = keyof typeof phases;
export const phaseNames = Object.keys(phases) as Phase[];

export interface ElementFile {
  /** Relative to the element, with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'link';
  /** Modes are reduced to this one bit, which is all that survives a checkout. */
  readonly isExecutable: boolean;
  /** Of the content, or of a link's target. */
  readonly sha256: Sha256;
  /** The system can run it: it names its interpreter, or is a binary program. */
  readonly isProgram: boolean;
  /** Its text names the folder of all hooks, or its own place in it: what it does may depend on other elements' files. */
  readonly readsHooks: boolean;
}

/** One element as it was read. */
export interface Element {
  readonly name: string;
  /** Absolute; empty when it is one of this engine's own, without files. */
  readonly folder: string;
  /** First line of text after the title in its README; empty without one. */
  readonly summary: string;
  readonly dependencies: readonly string[];
  readonly provides: readonly string[];
  /** All of it, save READMEs, `element.yaml` and tests, in code point order. */
  readonly files: readonly ElementFile[];
  readonly packages: readonly PackageRequest[];
  /** What its packages are called in each distribution. */
  readonly packageMap?: PackageMap;
  /** Of its `element.yaml`, when it has one. */
  readonly settings?: ElementSettings;
}

/** One executable of a phase. */
export interface Hook {
  readonly element: string;
  readonly phase: Phase;
  readonly name: string;
  readonly sha256: Sha256;
  /** Where it lies when that isn't `<phase>/<name>`: it is linked there, relative to the phase's folder. */
  readonly linkedFrom?: string;
}

/** `docker/install.d/30-docker`: how a hook is named everywhere. */
export function hookId(hook: Pick<Hook, 'element' | 'phase' | 'name'>): string {
  return `${hook.element}/${hook.phase}/${hook.name}`;
}

/** Elements of upstream whose hooks this engine does itself; they may be named as dependencies, and need no folder. Where
 * there is one, all of it but the hooks is used.
 */
export const nativeElements: ReadonlySet<string> = new Set([
  'install-bin',
  'install-static',
  'install-types',
  'package-installs',
]);

/** Hooks of upstream's elements that the engine answers itself; the rest of their elements is read and run as it is.
 * The boot loader's installer wants a block device, and there is none: the disk's assembly installs it instead. */
export const answeredHooks: ReadonlySet<string> = new Set(['bootloader/finalise.d/50-bootloader']);
