import type {Environment, World} from '../base/index.js';
import {chooseVersion, readCatalogue} from '../datastore/index.js';
import type {BlockDevices} from '../disk/index.js';
import {
  type Credentials,
  type Element,
  forgottenHooks,
  readElements,
  resolveElements,
  separateFromVariables,
  sourcesElement,
} from '../element/index.js';
import {
  defineElementImage,
  defineImage,
  type ElementChoices,
  type ImageChoices,
  type ImageDefinition,
  isGuest,
  type TreeDefinition,
} from '../image/index.js';
import {type OutputPlan, readBlockDevices} from './plan-disk.js';
import type {ToolsPurpose} from './tools-root.js';

/** What to build: the guest image of a datastore version, or an image that is what its elements make of it. */
export type PlanRequest = GuestRequest | ElementsRequest;

interface CommonRequest {
  /** Default: a compressed qcow2. */
  readonly output?: Partial<OutputPlan>;
  /** Folders of elements that come before ours. */
  readonly elementsPath?: readonly string[];
  /** Steps to run again whatever the store has; `true` for all. */
  readonly rebuild?: boolean | readonly string[];
}

export interface GuestRequest extends CommonRequest, ImageChoices {
  readonly kind: 'datastore';
  /** `mariadb` or `mariadb:11.8`. */
  readonly datastore: string;
  readonly version?: string;
}

export interface ElementsRequest extends CommonRequest, ElementChoices {
  readonly kind: 'elements';
}

/** What a person asked for, read and found to make sense; nothing of the machine was needed for it. */
export interface ImageBlueprint {
  readonly definition: ImageDefinition;
  readonly elements: readonly Element[];
  /** Of the container's tree; empty without one. */
  readonly containerElements: readonly Element[];
  readonly devices: BlockDevices;
  readonly output: OutputPlan;
  /** Of variables that name sources: they shape nothing, and nothing else holds them. */
  readonly credentials: readonly Credentials[];
}

/** @throws {UsageError} `bad-argument`, `unknown-datastore`, `unknown-version`, `no-such-image`, `unknown-element`, `clashing-elements`, … */
export async function readBlueprint(request: PlanRequest, world: World): Promise<ImageBlueprint> {
  const asked = separateFromVariables({...dibVariables(world.env), ...request.environment});
  for (const name of asked.names) {
    const text = `The user and password in ${name} are used for this build alone, and kept nowhere: they belong into ~/.netrc`;
    world.emit({type: 'warning', text});
  }
  const {credentials} = asked;
  const definition = await defineRequested(request, asked.variables, world);
  const searchPath = elementsPath(request, world);
  const elementsOf = async ({elements}: TreeDefinition) =>
    resolveElements(elements, await readElements(elements, searchPath));
  const containerElements = isGuest(definition) ? await elementsOf(definition.purpose.container.tree) : [];
  const elements = await elementsOf(definition.tree);
  for (const hook of new Set(forgottenHooks([...elements, ...containerElements]))) {
    world.emit({type: 'warning', text: `"${hook}" looks like a hook, but isn't executable: it is not run`});
  }
  const devices = await readBlockDevices(definition, elements, world);
  const output = {
    formats: ['qcow2'],
    qcow2: {isCompressed: true, options: []},
    dockerTarget: definition.name,
    ...request.output,
  } as const;
  return {definition, containerElements, elements, devices, output, credentials};
}

async function defineRequested(
  request: PlanRequest,
  environment: Readonly<Record<string, string>>,
  world: World,
): Promise<ImageDefinition> {
  if (request.kind === 'elements') {
    const asked = givenVariables(world.env, ['DIB_RELEASE']);
    return defineElementImage({...request, environment: {...asked, ...environment}});
  }
  const catalogue = await readCatalogue(world.paths.home);
  const name = request.version === undefined ? request.datastore : `${request.datastore}:${request.version}`;
  return defineImage(chooseVersion(catalogue, name), {...request, environment});
}

/** The person's own `DIB_*` variables, which elements are configured by. Those of places are this program's to say;
 * those of its own output shape no image. */
export function dibVariables(env: Environment): Record<string, string> {
  const ours = /^DIB_(DISTRIBUTION_MIRROR|DEBIAN_SECURITY_MIRROR|IMAGE_CACHE|LOCKFILES|NO_TIMESTAMP|QUIET|RELEASE)$/;
  const entries = Object.entries(env).filter(([name]) => /^DIB_\w+$/.test(name) && !ours.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

/** Those of the names that have a value. */
export function givenVariables(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** Which tools the hooks that run outside an image may call. */
export function toolsFor({definition, elements}: ImageBlueprint): ToolsPurpose {
  return isGuest(definition) && !elements.some(({name}) => name === sourcesElement) ? 'assembly' : 'elements';
}

/** Where elements are looked for: as asked, then `ELEMENTS_PATH`, then ours. */
export function elementsPath(request: CommonRequest, world: World): string[] {
  const fromEnvironment = (world.env.ELEMENTS_PATH ?? '').split(':').filter(Boolean);
  return [...(request.elementsPath ?? []), ...fromEnvironment, `${world.paths.home}/elements`];
}
