import {describe, expect, test} from 'vitest';
import {defineElementImage, isGuest} from './definition.js';

describe('an image of elements', () => {
  test('is named, and has the elements and variables asked for; the architecture is told to hooks', () => {
    const definition = defineElementImage({
      name: 'my-image',
      elements: ['debian-minimal', 'vm'],
      architecture: 'amd64',
      environment: {DIB_RELEASE: 'trixie', ARCH: 'other'},
    });
    expect(isGuest(definition)).toBe(false);
    expect(definition).toMatchObject({
      purpose: {kind: 'elements'},
      tree: {
        name: 'my-image',
        elements: ['debian-minimal', 'vm'],
        environment: {DIB_RELEASE: 'trixie', ARCH: 'amd64'},
      },
    });
  });

  test('has a name that is no path', () => {
    for (const name of ['', '../x', 'a/b', '.hidden', 'a b']) {
      expect(() => defineElementImage({name, elements: [], architecture: 'amd64'})).toThrow('a name of an image');
    }
  });
});
