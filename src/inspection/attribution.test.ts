import {describe, expect, test} from 'vitest';
import {contentOrigins, elementOf, pathInContainer, stepLayer, writersOf} from './attribution.js';
import type {TreeEntry} from './listing.js';

const file = (path: string, content: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: `/target/tree${path}`,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: content.length,
  modifiedAt: 0,
  sha256: content as never,
  ...more,
});
const folder = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => {
  const {sha256: _, ...rest} = file(path, '', {type: 'folder', mode: 0o755, ...more});
  return rest;
};
const whiteout = (path: string) => file(path, '', {type: 'character device', device: [0, 0]});

const layers = [
  stepLayer('base/root.d/10-base', [folder('/etc'), file('/etc/a', 'one'), file('/etc/b', 'b'), file('/var/x', 'x')]),
  stepLayer('web/install.d/20-web', [folder('/etc', {modifiedAt: 5}), file('/etc/a', 'two')]),
  stepLayer('web/install.d/30-rights', [folder('/etc'), file('/etc/a', 'two', {mode: 0o600})]),
  stepLayer('clean/finalise.d/90-clean', [
    whiteout('/etc/b'),
    folder('/var', {attributes: {'user.overlay.opaque': 'eQ=='}}),
  ]),
];

describe('the steps behind a path', () => {
  test('are told last first, each with what it did', () => {
    expect(writersOf('/etc/a', layers)).toEqual([
      {step: 'web/install.d/30-rights', act: 'changed', differences: ['mode 0644 → 0600']},
      {step: 'web/install.d/20-web', act: 'changed', differences: ['content']},
      {step: 'base/root.d/10-base', act: 'made', differences: []},
    ]);
  });

  test('of a folder are those that changed the folder itself', () => {
    expect(writersOf('/etc', layers).map(({step}) => step)).toEqual(['base/root.d/10-base']);
  });

  test('tell of a removal, of the file or of a folder above it', () => {
    const clean = 'clean/finalise.d/90-clean';
    expect(writersOf('/etc/b', layers)[0]).toEqual({step: clean, act: 'removed', differences: []});
    expect(writersOf('/var/x', layers)[0]).toEqual({step: clean, act: 'removed', differences: []});
  });

  test("content counts to the step that brought it, not to a later one that changed the file's rights", () => {
    const now = {...file('/etc/a', 'two', {mode: 0o600}), path: '/etc/a'};
    const made = {...file('/boot/grub/grub.cfg', 'g'), path: '/boot/grub/grub.cfg'};
    const origins = contentOrigins([now, made], layers, 'the disk');
    expect(Object.fromEntries(origins)).toEqual({'/etc/a': 'web/install.d/20-web', '/boot/grub/grub.cfg': 'the disk'});
  });

  test("belong to elements, or to the engine; a container's paths are told apart", () => {
    expect(elementOf('web/install.d/20-web')).toBe('web');
    expect(elementOf('engine/hygiene')).toBeUndefined();
    expect(pathInContainer('/var/lib/docker/overlay2/1f/diff/usr/bin/mariadbd')).toBe('/usr/bin/mariadbd');
    expect(pathInContainer('/var/lib/docker/overlay2/1f/link')).toBeUndefined();
  });
});
