import {describe, expect, test} from 'vitest';
import type {Element} from './element.js';
import {resolveElements} from './resolve.js';

function element(name: string, provides: readonly string[] = [], dependencies: readonly string[] = []): Element {
  return {name, folder: '', summary: '', dependencies, provides, files: [], packages: []};
}

const os = element('debian', ['operating-system']);

describe('the elements of an image', () => {
  test('are in the order of their names', () => {
    expect(
      resolveElements(['vm', 'debian'], [element('vm', [], ['base']), os, element('base')]).map(({name}) => name),
    ).toEqual(['base', 'debian', 'vm']);
  });

  test('leave out what another one provides', () => {
    const read = [os, element('dpkg', [], ['apt']), element('apt'), element('my-dpkg', ['dpkg'])];
    expect(resolveElements(['debian', 'my-dpkg'], read).map(({name}) => name)).toEqual(['debian', 'my-dpkg']);
  });

  test('need not be there when another one provides them, and may need each other', () => {
    const read = [os, element('vm', [], ['block-device']), element('mbr', ['block-device'], ['vm'])];
    expect(resolveElements(['debian', 'vm', 'mbr'], read).map(({name}) => name)).toEqual(['debian', 'mbr', 'vm']);
  });

  test('clash when two provide the same, or one provides what is asked for; all clashes are told', () => {
    const read = [os, element('other', ['operating-system']), element('a', ['b']), element('b')];
    expect(() => resolveElements(['debian', 'other', 'a', 'b'], read)).toThrow('2 clashes');
  });

  test('need an operating system', () => {
    expect(() => resolveElements(['vm'], [element('vm')])).toThrow('operating system');
  });
});
