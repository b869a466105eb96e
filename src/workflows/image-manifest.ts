import {z} from 'zod';
import {canonicalJson, sha256} from '../base/index.js';
import type {Element} from '../element/index.js';
import {type GuestDefinition, type ImageDefinition, isGuest} from '../image/index.js';
import {purposeMembers} from './image-sidecar.js';

/** What an image says of itself. Nothing in it depends on who built it, or when. */
export interface ElementManifest {
  readonly name: string;
  readonly architecture: string;
  /** Of all elements of the image with their files. */
  readonly elementsDigest: string;
  readonly elements: readonly string[];
}

/** What a guest image says of itself, at /etc/trovestack/manifest.json. */
export interface GuestManifest extends Omit<ElementManifest, 'name'> {
  readonly series: string;
  readonly datastore: string;
  readonly version: string;
  readonly manager: string;
  readonly distribution: string;
  readonly release: string;
  /** Image and tag of the preloaded database container. */
  readonly container: string;
  readonly packages: readonly {readonly name: string; readonly version: string; readonly architecture: string}[];
}

/** Where a guest image has its manifest. */
export const manifestInside = '/etc/trovestack/manifest.json';

const manifestSchema = z.looseObject({
  ...purposeMembers,
  elementsDigest: z.string(),
  elements: z.array(z.string()),
});

/** What a manifest says of what its image is and is for. */
export type ReadManifest = z.output<typeof manifestSchema>;

/** The manifest in an image's texts; undefined when there is none, or it doesn't say all of it (a rule names that). */
export function readManifest(texts: Readonly<Record<string, string>>): ReadManifest | undefined {
  const text = texts[manifestInside];
  if (text === undefined) return undefined;
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The manifest without its packages, which are known only when the image is built: an input of the step that writes it. */
export function guestManifestBase(
  {architecture, purpose}: GuestDefinition,
  elements: readonly Element[],
): Omit<GuestManifest, 'packages'> {
  const {series, datastore, version, manager, distribution, release, container} = purpose;
  return {
    series,
    datastore,
    version,
    manager,
    distribution,
    release,
    architecture,
    container: `${container.settings.image}:${container.settings.tag}`,
    ...elementsPart(elements),
  };
}

/** The manifest that stands beside an image. */
export function manifestBase(
  definition: ImageDefinition,
  elements: readonly Element[],
): Omit<GuestManifest, 'packages'> | ElementManifest {
  if (isGuest(definition)) return guestManifestBase(definition, elements);
  const {name, architecture} = definition;
  return {name, architecture, ...elementsPart(elements)};
}

function elementsPart(elements: readonly Element[]): Pick<ElementManifest, 'elements' | 'elementsDigest'> {
  return {
    elementsDigest: sha256(canonicalJson(elements.map(({name, files}) => ({name, files})))),
    elements: elements.map(({name}) => name),
  };
}

/** @param packages A line each: name, version, architecture. */
export function manifestText(definition: GuestDefinition, elements: readonly Element[], packages: string): string {
  const manifest: GuestManifest = {...guestManifestBase(definition, elements), packages: parsePackages(packages)};
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function parsePackages(text: string): GuestManifest['packages'] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', version = '', architecture = ''] = line.split(' ');
      return {name, version, architecture};
    });
}
