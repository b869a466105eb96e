import {canonicalJson, sha256} from '../base/index.js';
import type {Element} from '../element/index.js';
import type {ImageDefinition} from '../image/index.js';

/** What an image says of itself, at /etc/trovestack/manifest.json. Nothing in it depends on who built it, or when. */
export interface ImageManifest {
  readonly series: string;
  readonly datastore: string;
  readonly version: string;
  readonly manager: string;
  readonly distribution: string;
  readonly release: string;
  readonly architecture: string;
  /** Image and tag of the preloaded database container. */
  readonly container: string;
  /** Of all elements of the guest with their files. */
  readonly elementsDigest: string;
  readonly elements: readonly string[];
  readonly packages: readonly {readonly name: string; readonly version: string; readonly architecture: string}[];
}

/** The manifest without its packages, which are known only when the image is built: an input of the step that writes it. */
export function manifestBase(
  definition: ImageDefinition,
  elements: readonly Element[],
): Omit<ImageManifest, 'packages'> {
  const {series, datastore, version, manager, distribution, release, architecture, container} = definition;
  return {
    series,
    datastore,
    version,
    manager,
    distribution,
    release,
    architecture,
    container: `${container.settings.image}:${container.settings.tag}`,
    elementsDigest: sha256(canonicalJson(elements.map(({name, files}) => ({name, files})))),
    elements: elements.map(({name}) => name),
  };
}

/** @param packages A line each: name, version, architecture. */
export function manifestText(definition: ImageDefinition, elements: readonly Element[], packages: string): string {
  const manifest: ImageManifest = {...manifestBase(definition, elements), packages: parsePackages(packages)};
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function parsePackages(text: string): ImageManifest['packages'] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', version = '', architecture = ''] = line.split(' ');
      return {name, version, architecture};
    });
}
