import {describe, expect, test} from 'vitest';
import {findSubordinateIds, freeSubordinateIds, parseIdMap, placeSandboxIds} from './ids.js';

describe("sandboxes' ids", () => {
  test('of root lie above what systems hand out', () => {
    const everything = parseIdMap('         0          0 4294967295\n');
    expect(placeSandboxIds(everything)).toEqual({base: 0x7000_0000, baseOutside: 0x7000_0000});
  });

  test("of a user's namespace lie next to its root, and are the user's subordinate ids outside", () => {
    const ranges = parseIdMap('         0       1000          1\n         1     100000      65535\n');
    expect(placeSandboxIds(ranges)).toEqual({base: 1, baseOutside: 100_000});
  });

  test('of root in a container with 65536 ids fit beside it', () => {
    expect(placeSandboxIds(parseIdMap('0 231072 65536'))).toEqual({base: 1, baseOutside: 231_073});
  });

  test('have no place where only one id is known', () => {
    expect(placeSandboxIds(parseIdMap('0 1000 1'))).toBeUndefined();
  });
});

describe('subordinate ids', () => {
  const text = 'alice:100000:65536\n1001:165536:1000\n1001:400000:65536\n';

  test('are found by name or by number; a range too small is passed over', () => {
    expect(findSubordinateIds(text, ['alice', '1000'])).toEqual({start: 100_000, count: 65_536});
    expect(findSubordinateIds(text, ['bob', '1001'])).toEqual({start: 400_000, count: 65_536});
    expect(findSubordinateIds(text, ['carol', '1002'])).toBeUndefined();
  });

  test('that are proposed follow those handed out', () => {
    expect(freeSubordinateIds('')).toBe(100_000);
    expect(freeSubordinateIds('alice:100000:65536\n')).toBe(165_536);
    expect(freeSubordinateIds(text)).toBe(493_216);
  });
});
