import {describe, expect, it} from 'vitest';
import {findVersion, planActivation, planImage, planVersion, type RegisteredVersion} from './registration.js';

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
const image = (id: string, status: string) => ({id, name: id, status, createdAt: '2026-01-01'});

describe('an image', () => {
  it('is uploaded when the cloud has not its content', () => {
    expect(planImage([])).toEqual({kind: 'upload', reason: 'not in the cloud yet', replaces: []});
  });

  it('is reused when the cloud has it whole, whatever lies beside', () => {
    expect(planImage([image('half', 'queued'), image('whole', 'active')])).toMatchObject({image: {id: 'whole'}});
  });

  it('replaces what a broken upload has left, but not what is being uploaded', () => {
    const plan = planImage([image('half', 'queued'), image('going', 'saving')]);
    expect(plan).toMatchObject({kind: 'upload', replaces: [{id: 'half'}]});
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

describe('an activation', () => {
  it('changes only what is not as wanted, in one act', () => {
    const {isActive, isDefault} = {isActive: true, isDefault: true} as const;
    expect(planActivation(inactive, 'old')).toMatchObject({isActive, isDefault, reason: 'inactive, not the default'});
    expect(planActivation({...serving, isDefault: false}, 'old')).not.toHaveProperty('isActive');
    expect(planActivation(serving, 'new')).toMatchObject({imageId: 'new', reason: 'on another image'});
  });

  it('changes nothing the second time', () => {
    expect(planActivation(serving, 'old')).toEqual({kind: 'keep', version: serving});
    expect(planActivation(serving, undefined)).toEqual({kind: 'keep', version: serving});
  });
});

it('a version is found by its datastore and its whole name', () => {
  expect(findVersion([serving], 'mariadb', '11.8')).toBe(serving);
  expect(findVersion([serving], 'mariadb', '11')).toBeUndefined();
});
