import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {dockerImage} from './docker-store.js';

const container = {
  image: 'mariadb',
  tag: '11.8',
  elements: ['x'],
  entrypoint: ['entry.sh'],
  command: ['mariadbd'],
  environment: {PATH: '/usr/bin'},
  ports: [3306],
};
const layer = {diffId: sha256('layer'), sizeBytes: 42};

describe("an image in Docker's store", () => {
  const image = dockerImage(container, layer, 'amd64', 1_763_000_000);

  test('is named by the digest of its configuration', () => {
    const config = image.files[`image/overlay2/imagedb/content/sha256/${image.imageId}`] ?? '';
    expect(sha256(config)).toBe(image.imageId);
    expect(JSON.parse(config)).toMatchObject({
      architecture: 'amd64',
      created: '2025-11-13T02:13:20Z',
      config: {Env: ['PATH=/usr/bin'], Entrypoint: ['entry.sh'], Cmd: ['mariadbd'], ExposedPorts: {'3306/tcp': {}}},
      rootfs: {type: 'layers', diff_ids: [`sha256:${layer.diffId}`]},
    });
  });

  test('is found by name and tag', () => {
    expect(JSON.parse(image.files['image/overlay2/repositories.json'] ?? '')).toEqual({
      Repositories: {mariadb: {'mariadb:11.8': `sha256:${image.imageId}`}},
    });
  });

  test('has its layer where the cache id says, with a short link of 26 characters', () => {
    const cacheId = image.files[`image/overlay2/layerdb/sha256/${layer.diffId}/cache-id`];
    expect(image.layerFolder).toBe(`overlay2/${cacheId}/diff`);
    const link = image.files[`overlay2/${cacheId}/link`] ?? '';
    expect(link).toMatch(/^[A-Z2-7]{26}$/);
    expect(image.links).toEqual({[`overlay2/l/${link}`]: `../${cacheId}/diff`});
  });

  test('is the same for the same layer', () => {
    expect(dockerImage(container, layer, 'amd64', 1_763_000_000)).toEqual(image);
  });
});
