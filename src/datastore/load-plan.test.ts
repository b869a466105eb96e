import {describe, expect, it} from 'vitest';
import {actionsOf, type CloudReading, planLoad, quotaProblem, type WantedLoad} from './load-plan.js';
import type {LoadedImage, RegisteredVersion} from './registration.js';

const parameter = {name: 'max_connections', type: 'integer', isRestartRequired: false, min: 1n, max: 10n};
const wanted: WantedLoad = {
  ...{datastore: 'mariadb', version: '11.8', imageName: 'new', sizeBytes: 5, parameters: [parameter], selectTags: []},
  image: {minDiskGiB: 3, minRamMiB: 1024, tags: ['trove', 'mariadb'], properties: {}},
};
const empty: CloudReading = {
  ...{versions: [], sameContent: [], parameters: [], sharedWith: []},
  now: new Date('2026-01-01T00:00:00Z'),
};
const image: LoadedImage = {
  ...{id: 'i', name: 'new', status: 'active', visibility: 'private', createdAt: '2026-01-01T00:00:00Z'},
  ...wanted.image,
};
const version: RegisteredVersion = {
  ...{id: 'v', datastore: 'mariadb', manager: 'mariadb', name: '11.8', version: '11.8', imageTags: []},
  ...{imageId: 'i', isActive: false, isDefault: false},
};

describe('a load plan', () => {
  it('of an empty cloud uploads, registers and adds parameters, in this order', () => {
    const actions = actionsOf(planLoad(wanted, empty), wanted);
    expect(actions.map(({id, kind}) => `${kind} ${id}`)).toEqual([
      'upload image',
      'create version:mariadb:11.8',
      'create parameter:max_connections',
    ]);
    expect(actions[1]?.changes).toEqual({image: 'the uploaded one', active: false, default: false});
  });

  it('of a cloud that is as wanted has no action', () => {
    const reading = {...empty, sameContent: [image], versions: [version], parameters: [parameter]};
    expect(actionsOf(planLoad(wanted, reading), wanted)).toEqual([]);
  });

  it('shares an image with a project that has not accepted it yet', () => {
    const shared = {...wanted, shareWith: 'p'};
    const reading = {...empty, sameContent: [image], versions: [version], parameters: [parameter]};
    expect(actionsOf(planLoad(shared, reading), shared)).toMatchObject([{id: 'share:p', changes: {member: 'p'}}]);
    expect(actionsOf(planLoad(shared, {...reading, sharedWith: ['p']}), shared)).toEqual([]);
  });

  it('holds back the tags that would activate the image at once', () => {
    const {imageId: _, ...untied} = version;
    const selecting = {...untied, isActive: true, imageTags: ['trove']};
    const plan = planLoad(wanted, {...empty, versions: [selecting]});
    expect(plan.description.tags).toEqual(['mariadb']);
    expect(plan.heldTags).toEqual(['trove']);
  });
});

describe('a quota', () => {
  const mib = 2 ** 20;

  it('that an upload would break is told before', () => {
    expect(quotaProblem({image_size_total: {limit: 100, usage: 60}}, 41 * mib)).toBe(
      'the image has 41 MiB, and 40 of 100 MiB are free',
    );
    expect(quotaProblem({image_count_total: {limit: 2, usage: 2}}, mib)).toBe('the project has 2 of 2 images');
  });

  it('that leaves room, is unlimited or unknown, is no problem', () => {
    expect(quotaProblem({image_size_total: {limit: 100, usage: 60}}, 40 * mib)).toBeUndefined();
    expect(quotaProblem({image_size_total: {limit: -1, usage: 60}}, 1e12)).toBeUndefined();
    expect(quotaProblem({}, 1e12)).toBeUndefined();
  });
});
