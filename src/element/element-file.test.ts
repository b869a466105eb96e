import {describe, expect, test} from 'vitest';
import {parseElementFile, reachOf} from './element-file.js';

describe('element.yaml', () => {
  test('says what hooks reach', async () => {
    expect(await parseElementFile('e/element.yaml', 'network: none\n')).toEqual({network: 'none'});
    expect(reachOf({network: 'none'}, 'install.d')).toBe('none');
    expect(reachOf({network: 'full'}, 'cleanup.d')).toBe('full');
    expect(reachOf({network: 'packages'}, 'install.d')).toBe('packages');
    expect(reachOf({network: 'packages'}, 'cleanup.d')).toBe('none');
  });

  test('is not needed: hooks that install reach the network, those that finish the image do not', () => {
    const phases = ['root.d', 'extra-data.d', 'install.d', 'post-root.d', 'finalise.d', 'cleanup.d'] as const;
    const reach = ['full', 'full', 'full', 'none', 'none', 'none'];
    expect(phases.map((phase) => reachOf(undefined, phase))).toEqual(reach);
  });

  test('with an unknown word is refused at its place', async () => {
    await expect(parseElementFile('e/element.yaml', 'network: some\nhygiene: yes\n')).rejects.toMatchObject({
      code: 'invalid-file',
      facts: {
        problems: [
          {line: 1, column: 10},
          {line: 2, column: 1},
        ],
      },
    });
  });
});
