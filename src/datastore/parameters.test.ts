import {describe, expect, it} from 'vitest';
import {parseValidationRules, planParameters, registrableParameter} from './parameters.js';

const biggest = 2n ** 64n - 1n;

function rulesOf(...rules: object[]) {
  const parsed = parseValidationRules(
    JSON.stringify({'configuration-parameters': rules}).replace('"BIGGEST"', biggest.toString()),
  );
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

describe('validation rules', () => {
  it('keep 2^64−1, in both spellings of the bounds', () => {
    const [rule] = rulesOf({name: 'a', type: 'integer', restart_required: false, min: 0, max: 'BIGGEST'});
    expect(rule).toEqual({name: 'a', type: 'integer', isRestartRequired: false, min: 0n, max: biggest});
    const [other] = rulesOf({name: 'a', type: 'integer', restart_required: 0, min_size: 0, max_size: 'BIGGEST'});
    expect(other).toEqual(rule);
  });

  it('that are no rules say what is wrong', () => {
    expect(parseValidationRules('{')).toContain('JSON');
    expect(parseValidationRules('{"configuration-parameters": [{"name": "a"}]}')).toContain('restart_required');
  });
});

describe('the plan of parameters', () => {
  const [integer] = rulesOf({name: 'size', type: 'integer', restart_required: true, min: 1, max: 'BIGGEST'});
  const [flag] = rulesOf({name: 'flag', type: 'boolean', restart_required: false});
  if (!integer || !flag) throw new Error('no rules');

  it('creates what is missing, and says what becomes a string', () => {
    expect(planParameters([integer, flag], [])).toEqual([
      {kind: 'create', parameter: integer, reason: 'not registered'},
      {
        kind: 'create',
        parameter: {...flag, type: 'string'},
        reason: "not registered; as string, since Trove's API knows no boolean",
      },
    ]);
  });

  it('keeps what is registered as wanted, by us or by trove-manage', () => {
    expect(planParameters([flag], [{...flag, type: 'string'}])).toMatchObject([{kind: 'keep'}]);
    expect(planParameters([flag], [flag])).toMatchObject([{kind: 'keep'}]);
    const {max: _max, ...open} = integer;
    expect(planParameters([open], [open])).toMatchObject([{kind: 'keep'}]);
    expect(planParameters([open], [registrableParameter(open)])).toMatchObject([{kind: 'keep'}]);
  });

  it('updates what differs by one in 2^64', () => {
    expect(planParameters([integer], [{...integer, max: biggest - 1n}])).toEqual([
      {kind: 'update', parameter: integer, reason: 'registered with another maximum'},
    ]);
  });

  it('leaves parameters alone that the rules do not know', () => {
    expect(planParameters([], [integer])).toEqual([]);
  });
});
