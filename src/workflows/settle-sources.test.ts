import {describe, expect, test} from 'vitest';
import type {LockedSource} from '../lock/index.js';
import {chooseCommit, goneSource} from './settle-sources.js';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

describe("a source's commit", () => {
  test('is that of the tag before the branch, and of what a tag names', () => {
    const listed = `${a}\trefs/heads/v1\n${b}\trefs/tags/v1\n${c}\trefs/tags/v1^{}\n`;
    expect(chooseCommit(listed, 'v1')).toBe(c);
    expect(chooseCommit(listed, 'heads/v1')).toBe(a);
    expect(chooseCommit(listed, 'refs/heads/v1')).toBe(a);
  });

  test('is not that of a branch whose name only ends alike', () => {
    expect(chooseCommit(`${a}\trefs/heads/old/main\n`, 'main')).toBeUndefined();
  });

  test('that a hook did not find is told as the lock being behind', () => {
    const source: LockedSource = {name: 'x', type: 'git', location: 'https://git.example/x', ref: 'main', pin: a};
    const error = goneSource(`updating\nFailed to find reference to ${a}\n`, [source], 'x.lock.yaml');
    expect(error).toMatchObject({code: 'source-moved', facts: {name: 'x', pin: a, file: 'x.lock.yaml'}});
    expect(goneSource(`Failed to find reference to ${b}\n`, [source], 'x')).toBeUndefined();
  });
});
