import {describe, expect, it} from 'vitest';
import {type ActivationFacts, formerStateOf, planActivation, planRollback, type RollbackFacts} from './activation.js';
import type {LoadedImage, RegisteredVersion} from './registration.js';

const version: RegisteredVersion = {
  ...{id: 'v', datastore: 'mariadb', manager: 'mariadb', name: '11.8', version: '11.8', imageTags: []},
  ...{imageId: 'a', isActive: true, isDefault: true},
};
const {imageId: _, ...untied} = version;
const byTags: RegisteredVersion = {...untied, imageTags: ['trove', 'mariadb-11.8']};

function image(id: string, more: Partial<LoadedImage> = {}): LoadedImage {
  const createdAt = `2026-01-0${'abc'.indexOf(id) + 1}T00:00:00Z`;
  const plain = {id, name: id, status: 'active', visibility: 'private', createdAt, minDiskGiB: 3, minRamMiB: 1024};
  return {...plain, tags: [], properties: {}, ...more};
}

function facts(more: Partial<ActivationFacts>): ActivationFacts {
  const row = more.version ?? version;
  return {version: row, versions: [row], image: image('b'), serving: image('a'), select: 'id', rivals: [], ...more};
}

describe('an activation', () => {
  it('writes down what was, then switches in one request', () => {
    const [mark, change, ...more] = planActivation(facts({}));
    expect(more).toEqual([]);
    const properties = {
      trovestack_previous_image: 'a',
      trovestack_previous_active: 'true',
      trovestack_previous_default: 'v',
    };
    expect(mark).toMatchObject({kind: 'mark image', imageId: 'b', properties});
    expect(change).toMatchObject({
      kind: 'switch version',
      versionId: 'v',
      changes: {image: {imageId: 'b'}},
      reason: 'on another image',
    });
  });

  it('changes only what is not as wanted', () => {
    const inactive = {...version, isActive: false, isDefault: false};
    const [, change] = planActivation(facts({version: inactive, image: image('a')}));
    expect(change).toMatchObject({changes: {isActive: true, isDefault: true}, reason: 'inactive, not the default'});
  });

  it('changes nothing the second time', () => {
    expect(planActivation(facts({image: image('a')}))).toEqual([]);
    const tagged = image('b', {tags: byTags.imageTags});
    const second = {version: byTags, image: tagged, serving: tagged, select: 'tags', rivals: [tagged]} as const;
    expect(planActivation(facts(second))).toEqual([]);
  });

  it('keeps the way back over a second activation of the same image', () => {
    const again = image('b', {properties: {trovestack_previous_image: 'a', trovestack_previous_active: 'true'}});
    const row = {...version, imageId: 'b', isDefault: false};
    const [mark] = planActivation(facts({version: row, image: again, serving: again}));
    expect(mark).toMatchObject({properties: {trovestack_previous_image: 'a'}});
  });

  it('by tags gives them to the image in the request that writes down what was: that is the switch', () => {
    const old = image('a', {tags: byTags.imageTags});
    const actions = planActivation(facts({version: byTags, serving: old, select: 'tags', rivals: [old]}));
    expect(actions).toMatchObject([{kind: 'mark image', imageId: 'b', tags: ['trove', 'mariadb-11.8']}]);
  });

  it('by tags of an older image takes a tag from the newer one, last of all', () => {
    const newer = image('c', {tags: [...byTags.imageTags, 'theirs']});
    const actions = planActivation(facts({version: byTags, serving: newer, select: 'tags', rivals: [newer]}));
    expect(actions.map(({id}) => id)).toEqual(['mark:b', 'unselect:c']);
    expect(actions[1]).toMatchObject({tags: ['trove', 'theirs']});
  });

  it('unties a version from its image when tags are to select it', () => {
    const both = {...version, imageTags: ['t'], isActive: false};
    const actions = planActivation(facts({version: both, image: image('a'), select: 'tags'}));
    expect(actions).toMatchObject([{tags: ['t']}, {changes: {image: {tags: ['t']}, isActive: true}}]);
  });
});

describe('a rollback', () => {
  const served = image('b', {
    properties: {trovestack_previous_image: 'a', trovestack_previous_active: 'true', trovestack_previous_default: 'v'},
  });
  const row = {...version, imageId: 'b'};

  function rollback(more: Partial<RollbackFacts>) {
    const former = formerStateOf(more.image ?? served);
    if (!former) throw new Error('nothing remembered');
    const now = '2026-02-01T00:00:00.000Z';
    const given = {version: row, versions: [row], image: served, former, formerImage: image('a'), rivals: [], now};
    return planRollback({...given, ...more});
  }

  it('switches to the former image, and marks the one that was turned away from', () => {
    expect(rollback({})).toMatchObject([
      {kind: 'switch version', versionId: 'v', changes: {image: {imageId: 'a'}}},
      {kind: 'mark image', imageId: 'b', properties: {trovestack_rolled_back: '2026-02-01T00:00:00.000Z'}},
    ]);
  });

  it('makes another version the default before this one stops to serve', () => {
    const other = {...version, id: 'o', name: '11.4', isDefault: false};
    const properties = {trovestack_previous_active: 'false', trovestack_previous_default: 'o'};
    const first = image('b', {properties});
    const actions = rollback({image: first, versions: [row, other], formerImage: undefined});
    expect(actions).toMatchObject([
      {versionId: 'o', changes: {isDefault: true}},
      {versionId: 'v', changes: {isActive: false}},
      {kind: 'mark image'},
    ]);
  });

  it('is refused where nothing that works could come back', () => {
    expect(rollback({formerImage: undefined})).toBe('its former image a is gone');
    expect(rollback({formerImage: image('a', {status: 'deactivated'})})).toBe('its former image is deactivated');
    const first = image('b', {properties: {trovestack_previous_active: 'false', trovestack_previous_default: ''}});
    expect(rollback({image: first, formerImage: undefined})).toContain('nothing served before it');
  });

  it('of tags gives them back to the older image before the newer loses one', () => {
    const newer = {...served, tags: byTags.imageTags};
    const actions = rollback({version: byTags, versions: [byTags], image: newer, rivals: [newer]});
    expect(actions).toMatchObject([{id: 'select:a', tags: byTags.imageTags}, {id: 'unselect:b'}, {id: 'mark:b'}]);
  });

  it('finds nothing in an image that was never activated, or whose memory was taken back', () => {
    expect(formerStateOf(image('a'))).toBeUndefined();
    expect(formerStateOf(image('a', {properties: {trovestack_previous_active: ''}}))).toBeUndefined();
  });
});
