import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {dockerArchive} from './docker-archive.js';

describe('a Docker archive', () => {
  const layer = sha256('layer');
  const archive = dockerArchive(layer, 'registry.test:5000/me/it', 'amd64', 1_763_000_000);

  test('names its configuration by digest, and its one layer by the digest of its tar', () => {
    const config = archive.files[`${archive.imageId}.json`] ?? '';
    expect(sha256(config)).toBe(archive.imageId);
    expect(JSON.parse(config)).toMatchObject({
      architecture: 'amd64',
      created: '2025-11-13T02:13:20Z',
      rootfs: {type: 'layers', diff_ids: [`sha256:${layer}`]},
    });
  });

  test('is tagged; the port of a registry is no tag', () => {
    const manifest = JSON.parse(archive.files['manifest.json'] ?? '') as unknown;
    const wanted = {
      Config: `${archive.imageId}.json`,
      RepoTags: ['registry.test:5000/me/it:latest'],
      Layers: ['layer.tar'],
    };
    expect(manifest).toEqual([wanted]);
    expect(dockerArchive(layer, 'it:1', 'amd64', 0).files['manifest.json']).toContain('"it:1"');
  });
});
