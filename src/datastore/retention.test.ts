import {expect, it} from 'vitest';
import type {LoadedImage, RegisteredVersion} from './registration.js';
import {planRetention, type RetentionFacts} from './retention.js';

const now = new Date('2026-01-20T00:00:00Z');

function image(day: number, more: Partial<LoadedImage> = {}): LoadedImage {
  const id = `i${day}`;
  const createdAt = `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`;
  const properties = {trovestack_datastore: 'mariadb', trovestack_version: '11.8', ...more.properties};
  const plain = {
    id,
    name: id,
    status: 'active',
    visibility: 'private',
    createdAt,
    minDiskGiB: 3,
    minRamMiB: 1,
    tags: [],
  };
  return {...plain, ...more, properties};
}

const version: RegisteredVersion = {
  ...{id: 'v', datastore: 'mariadb', manager: 'mariadb', name: '11.8', version: '11.8', imageTags: []},
  ...{imageId: 'i3', isActive: true, isDefault: true},
};

function removed(more: Partial<RetentionFacts>): string[] {
  const images = [8, 7, 6, 5, 4].map((day) => image(day));
  const given = {images, versions: [version], users: new Map(), selected: new Set<string>(), keep: 1, now};
  return planRetention({...given, ...more}).flatMap(({kind, image: {id}}) => (kind === 'remove' ? [id] : []));
}

it('the newest stay, older ones go', () => {
  expect(removed({keep: 2})).toEqual(['i6', 'i5', 'i4']);
  expect(removed({keep: 9})).toEqual([]);
});

it('what is registered, selected by tags, in use, protected, or what a rollback needs stays, whatever its age', () => {
  const served = image(3, {properties: {trovestack_previous_image: 'i4'}});
  const images = [image(8), image(7, {isProtected: true}), image(6), image(5), image(4), served];
  const users = new Map([['i5', ['db (s1)']]]);
  expect(removed({images, users, keep: 0, selected: new Set(['i6'])})).toEqual(['i8']);
});

it('of each datastore version as many stay', () => {
  const other = image(2, {properties: {trovestack_version: '11.4'}});
  expect(removed({images: [image(8), image(7), other]})).toEqual(['i7']);
});

it('what never got its data goes after a day, what is being loaded stays', () => {
  const images = [image(18, {status: 'queued'}), image(20, {status: 'queued'}), image(2, {status: 'saving'})];
  expect(removed({images})).toEqual(['i18']);
});
