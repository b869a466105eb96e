import {describe, expect, it} from 'vitest';
import {
  findVersion,
  type LoadedImage,
  planImage,
  planLeftovers,
  planVersion,
  type RegisteredVersion,
  safeTags,
} from './registration.js';

const inactive: RegisteredVersion = {
  id: 'v',
  datastore: 'mariadb',
  manager: 'mariadb',
  name: '11.8',
  version: '11.8',
  imageId: 'old',
  imageTags: [],
  isActive: false,
  isDefault: false,
};
const serving = {...inactive, isActive: true, isDefault: true};
const wanted = {minDiskGiB: 3, minRamMiB: 1024, tags: ['trove', 'mariadb'], properties: {os_distro: 'debian'}};
const image = (id: string, status: string, createdAt = '2026-01-01T00:00:00Z'): LoadedImage => ({
  ...{id, name: id, status, createdAt, visibility: 'private'},
  ...wanted,
});

describe('an image', () => {
  it('is uploaded when the cloud has not its content', () => {
    expect(planImage([], wanted)).toEqual({kind: 'upload', reason: 'not in the cloud yet'});
    expect(planImage([image('half', 'queued')], wanted)).toMatchObject({kind: 'upload'});
  });

  it('is reused when the cloud has it whole, whatever lies beside', () => {
    const plan = planImage([image('half', 'queued'), image('whole', 'active')], wanted);
    expect(plan).toMatchObject({kind: 'reuse', image: {id: 'whole'}});
  });

  it('of several with one content, the one that is registered is gone on with', () => {
    const plan = planImage([image('newer', 'active'), image('theirs', 'active')], wanted, 'theirs');
    expect(plan).toMatchObject({kind: 'reuse', image: {id: 'theirs'}});
  });

  it('is changed where it is not as wanted; what nobody asks for stays', () => {
    const properties = {os_distro: 'other', theirs: 'kept'};
    const found = {...image('whole', 'active'), minDiskGiB: 2, tags: ['theirs', 'trove'], properties};
    expect(planImage([found], wanted)).toMatchObject({
      kind: 'update',
      changes: {minDiskGiB: 3, tags: ['theirs', 'trove', 'mariadb'], properties: {os_distro: 'debian'}},
      reason: 'the same content, with other minimum of disk, tags, properties',
    });
    const asked = {...wanted, name: 'mine', visibility: 'public'};
    expect(planImage([image('whole', 'active')], asked)).toMatchObject({changes: {name: 'mine', visibility: 'public'}});
  });

  it('that a broken upload has left is removed, but not one that may be under way', () => {
    const now = new Date('2026-01-01T00:11:00Z');
    const images = [image('old', 'queued'), image('new', 'queued', '2026-01-01T00:10:00Z'), image('going', 'saving')];
    const decisions = planLeftovers([...images, image('whole', 'active')], now);
    expect(decisions.map((decision) => `${decision.kind} ${decision.image.id}`)).toEqual(['remove old', 'leave new']);
  });
});

describe('a version, when an image is loaded,', () => {
  it('is created when it is unknown', () => {
    expect(planVersion(undefined, undefined)).toMatchObject({kind: 'create'});
  });

  it('gets the new image while it is inactive', () => {
    expect(planVersion(inactive, undefined)).toMatchObject({kind: 'set image'});
    expect(planVersion(inactive, 'new')).toMatchObject({kind: 'set image'});
  });

  it('keeps the image that it serves with', () => {
    expect(planVersion(serving, 'new')).toMatchObject({kind: 'keep', reason: expect.stringContaining('until')});
    expect(planVersion(serving, 'old')).toMatchObject({kind: 'keep', reason: 'already on this image'});
  });
});

describe('tags', () => {
  const byTags = {...serving, imageTags: ['trove', 'mariadb']};
  const {imageId: _, ...selecting} = byTags;

  it('that an active version selects by wait for the activation', () => {
    expect(safeTags(['trove', 'mariadb', 'mine'], [selecting])).toEqual(['mine']);
  });

  it('of a version that is inactive, or tied to an id, do no harm', () => {
    expect(safeTags(['trove'], [byTags, {...selecting, isActive: false}])).toEqual(['trove']);
  });

  it('are registered with a version that is to be found by them, unless it serves', () => {
    expect(planVersion(undefined, 'new', ['a'])).toMatchObject({kind: 'create', tags: ['a']});
    expect(planVersion({...inactive, imageId: 'new'}, 'new', ['a'])).toMatchObject({kind: 'set image', tags: ['a']});
    expect(planVersion(serving, 'old', ['a'])).toMatchObject({kind: 'keep'});
  });
});

it('a version is found by its datastore and its whole name', () => {
  expect(findVersion([serving], 'mariadb', '11.8')).toBe(serving);
  expect(findVersion([serving], 'mariadb', '11')).toBeUndefined();
});
