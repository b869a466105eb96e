import {canonicalJson, type Sha256, sha256} from '../base/index.js';
import type {ContainerDefinition} from '../datastore/index.js';

/** An image of one layer in the store of a Docker with the overlay2 driver: files to write below /var/lib/docker.
 * @see docs/upstream/docker-store.md, checked with Docker 26.1
 */
export interface DockerImage {
  readonly imageId: Sha256;
  /** Where the layer's files go, relative to /var/lib/docker. */
  readonly layerFolder: string;
  /** Path relative to /var/lib/docker → content. */
  readonly files: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
}

/** The layer as it was measured: digest of its canonical tar, and the bytes in its files. */
export interface DockerLayer {
  readonly diffId: Sha256;
  readonly sizeBytes: number;
}

/** Docker's files for an image. Every id comes from a digest, so that equal layers give equal stores. */
export function dockerImage(
  container: ContainerDefinition,
  layer: DockerLayer,
  architecture: string,
  epoch: number,
): DockerImage {
  const diff = `sha256:${layer.diffId}`;
  const config = canonicalJson(imageConfig(container, diff, architecture, epoch));
  const imageId = sha256(config);
  // Docker draws these two at random; they only have to be unique in its store.
  const cacheId = sha256(`cache of ${layer.diffId}`);
  const link = base32(Buffer.from(sha256(`link of ${layer.diffId}`), 'hex')).slice(0, 26);
  const repository = {[`${container.image}:${container.tag}`]: `sha256:${imageId}`};
  const layerdb = `image/overlay2/layerdb/sha256/${layer.diffId}`;
  return {
    imageId,
    layerFolder: `overlay2/${cacheId}/diff`,
    files: {
      'image/overlay2/repositories.json': canonicalJson({Repositories: {[container.image]: repository}}),
      [`image/overlay2/imagedb/content/sha256/${imageId}`]: config,
      [`${layerdb}/diff`]: diff,
      [`${layerdb}/size`]: String(layer.sizeBytes),
      [`${layerdb}/cache-id`]: cacheId,
      [`overlay2/${cacheId}/link`]: link,
      [`overlay2/${cacheId}/committed`]: '',
    },
    links: {[`overlay2/l/${link}`]: `../${cacheId}/diff`},
  };
}

function imageConfig(container: ContainerDefinition, diff: string, architecture: string, epoch: number): object {
  const created = `${new Date(epoch * 1000).toISOString().slice(0, 19)}Z`;
  return {
    architecture,
    os: 'linux',
    created,
    config: {
      Env: Object.entries(container.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: container.entrypoint,
      Cmd: container.command,
      ExposedPorts: Object.fromEntries(container.ports.map((port) => [`${port}/tcp`, {}])),
    },
    history: [{created, created_by: 'trovestack'}],
    rootfs: {type: 'layers', diff_ids: [diff]},
  };
}

/** RFC 4648, without padding. */
function base32(bytes: Uint8Array): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const length = Math.floor((bytes.length * 8) / 5);
  bits >>= BigInt((bytes.length * 8) % 5);
  let text = '';
  for (let i = length - 1; i >= 0; i--) text += alphabet[Number((bits >> BigInt(i * 5)) & 31n)];
  return text;
}
