import {describe, expect, test} from 'vitest';
import {parseFormats} from './formats.js';

describe('image formats', () => {
  test('come from lists, each once and in order', () => {
    expect(parseFormats(['raw,qcow2', 'raw', 'tar.zst,'], '--format')).toEqual(['raw', 'qcow2', 'tar.zst']);
  });

  test('that nobody writes are refused with the reason, unknown ones with the nearest', () => {
    expect(() => parseFormats(['vmdk'], '--format')).toThrow('the format "vmdk" is not written: write qcow2');
    expect(() => parseFormats(['squash'], '--format')).toThrow('there is no format "squash"');
  });
});
