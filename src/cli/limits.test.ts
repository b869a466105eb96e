import {describe, expect, test} from 'vitest';
import {parseAge, parseSize} from './limits.js';

describe('limits', () => {
  test.each([
    ['20G', 20 * 2 ** 30],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['512m', 512 * 2 ** 20],
    ['0', 0],
    ['1000B', 1000],
  ])('a size %s', (text, bytes) => expect(parseSize('--max-size', text)).toBe(bytes));

  test.each([
    ['30d', 30 * 86_400_000],
    ['12h', 12 * 3_600_000],
    ['2w', 14 * 86_400_000],
  ])('an age %s', (text, ms) => expect(parseAge('--max-age', text)).toBe(ms));

  test.each(['', 'G', '-1G', '5X', '1e3'])('"%s" is no size', (text) => {
    expect(() => parseSize('--max-size', text)).toThrow(`Cannot use --max-size "${text}"`);
  });

  test.each(['', '30', 'd', '5m'])('"%s" is no age', (text) => {
    expect(() => parseAge('--max-age', text)).toThrow(`Cannot use --max-age "${text}"`);
  });
});
