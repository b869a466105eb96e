import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {formatJson, parseJson} from './json.js';

describe('JSON with big integers', () => {
  it('keeps every digit of 2^64−1 both ways', () => {
    const text = '{"name":"max_binlog_cache_size","max":18446744073709551615,"min":4096}';
    const value = parseJson(text);
    expect(value).toEqual({name: 'max_binlog_cache_size', max: 18446744073709551615n, min: 4096});
    expect(formatJson(value)).toBe(text);
  });

  it('leaves digits in strings and in fractions alone', () => {
    expect(parseJson('["18446744073709551615","a\\"9007199254740993",1.5e300,0.2500000000000000000]')).toEqual([
      '18446744073709551615',
      'a"9007199254740993',
      1.5e300,
      0.25,
    ]);
  });

  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = formatJson(value);
        expect(formatJson(parseJson(text))).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt(), (integer) => {
        expect(BigInt(parseJson(formatJson(integer)) as bigint)).toBe(integer);
      }),
    );
  });
});
