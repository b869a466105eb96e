import {describe, expect, test} from 'vitest';
import {parseElementFile, reachesNetwork} from './element-file.js';

describe('element.yaml', () => {
  test('says whether hooks reach the network', async () => {
    expect(await parseElementFile('e/element.yaml', 'network: none\n')).toEqual({network: 'none'});
    expect(reachesNetwork({network: 'none'}, 'install.d')).toBe(false);
    expect(reachesNetwork({network: 'full'}, 'cleanup.d')).toBe(true);
  });

  test('is not needed: hooks that install reach the network, those that finish the image do not', () => {
    const phases = ['root.d', 'extra-data.d', 'install.d', 'post-root.d', 'finalise.d', 'cleanup.d'] as const;
    expect(phases.map((phase) => reachesNetwork(undefined, phase))).toEqual([true, true, true, false, false, false]);
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
