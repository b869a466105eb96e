import {canonicalJson, type Sha256, sha256} from '../base/index.js';
import type {Architecture} from '../image/index.js';

/** The files of an archive that `docker load` reads, beside the layer. */
export interface DockerArchive {
  readonly imageId: Sha256;
  /** File name → content. */
  readonly files: Readonly<Record<string, string>>;
}

/** An image of one layer, as `docker save` writes it. Every id comes from a digest.
 * @param layer Digest of the layer's tar, which lies in the archive as `layer.tar`.
 * @param target `repository[:tag]`.
 * @see https://github.com/moby/docker-image-spec/blob/main/v1.2.md
 */
export function dockerArchive(layer: Sha256, target: string, architecture: Architecture, epoch: number): DockerArchive {
  const created = `${new Date(epoch * 1000).toISOString().slice(0, 19)}Z`;
  const config = canonicalJson({
    architecture,
    os: 'linux',
    created,
    config: {},
    history: [{created, created_by: 'trovestack'}],
    rootfs: {type: 'layers', diff_ids: [`sha256:${layer}`]},
  });
  const imageId = sha256(config);
  const manifest = [{Config: `${imageId}.json`, RepoTags: [withTag(target)], Layers: ['layer.tar']}];
  return {imageId, files: {[`${imageId}.json`]: config, 'manifest.json': canonicalJson(manifest)}};
}

/** A port of a registry isn't a tag. */
function withTag(target: string): string {
  return /:[^/]+$/.test(target) ? target : `${target}:latest`;
}
