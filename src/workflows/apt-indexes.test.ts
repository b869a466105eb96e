import {describe, expect, test} from 'vitest';
import {aptProblem} from './apt-indexes.js';

function outcome(exitCode: number, stderr: string) {
  return {argv: ['apt-get'], exitCode, signalName: null, timedOut: false, stdout: 'Reading package lists...\n', stderr};
}

describe('what apt says of its indexes', () => {
  test('is nothing when all are there', () => {
    expect(aptProblem(outcome(0, 'W: Target Packages is configured multiple times\n'))).toBeUndefined();
  });

  test('is a problem also when it ends well with a part of them', () => {
    const partial = [
      'W: Failed to fetch http://a.example/dists/x/InRelease  Could not connect',
      'W: Some index files failed to download. They have been ignored, or old ones used instead.',
    ];
    expect(aptProblem(outcome(0, partial.join('\n')))).toBe(partial.join('; '));
    expect(aptProblem(outcome(100, "E: The repository 'x' is not signed.\n"))).toBe(
      "E: The repository 'x' is not signed.",
    );
    expect(aptProblem(outcome(2, ''))).toBe('apt-get exited with 2');
  });
});
