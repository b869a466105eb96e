import {describe, expect, test} from 'vitest';
import {breakConditions, breaksWithoutStep, stepsOfBreaks} from './break-points.js';

describe('the variable break', () => {
  test('names phases with and without their ending, and the failing step', () => {
    expect(breakConditions({break: 'before-install,after-pre-install.d,after-error'})).toEqual({
      breaks: [
        {phase: 'install.d', moment: 'before'},
        {phase: 'pre-install.d', moment: 'after'},
      ],
      shellOnError: true,
    });
    expect(breakConditions({break: ''})).toEqual({});
  });

  test.each([
    [{break: 'before-lunch'}, 'before-lunch'],
    [{break: 'install'}, 'break=install'],
    [{break: 'after-error', break_cmd: 'ls'}, 'break_cmd=ls'],
  ])('%o is refused', (env, told) => {
    expect(() => breakConditions(env)).toThrow(told);
  });

  test("means a phase's first step or its last, the engine's own included", () => {
    const steps = [
      'a/root.d/1',
      'engine/prepare',
      'engine/install.d/install-packages',
      'a/install.d/5',
      'b/install.d/6',
    ];
    const at = (phase: 'install.d' | 'cleanup.d', moment: 'before' | 'after') =>
      stepsOfBreaks(steps, [{phase, moment}]);
    expect(at('install.d', 'before')).toEqual([{step: 'engine/install.d/install-packages', moment: 'before'}]);
    expect(at('install.d', 'after')).toEqual([{step: 'b/install.d/6', moment: 'after'}]);
    expect(at('cleanup.d', 'after')).toEqual([]);
    const both = [
      {phase: 'cleanup.d', moment: 'after'},
      {phase: 'install.d', moment: 'after'},
    ] as const;
    expect(breaksWithoutStep(steps, both)).toEqual(['after-cleanup']);
  });
});
