import {afterEach, describe, expect, test, vi} from 'vitest';
import {diskTexts} from './form.js';

describe('the texts that make disks', () => {
  afterEach(() => {
    vi.doUnmock('./scripts.js');
    vi.doUnmock('./grub.js');
    vi.resetModules();
  });

  async function digestWith(module: './scripts.js' | './grub.js', change: Record<string, unknown>): Promise<string> {
    vi.resetModules();
    vi.doMock(module, async (original) => ({...(await original<object>()), ...change}));
    const changed = await import('./form.js');
    return changed.diskTexts();
  }

  test('have another digest when one of them changes', async () => {
    expect(await digestWith('./scripts.js', {})).toBe(diskTexts());
    expect(await digestWith('./scripts.js', {prepareBoot: 'other'})).not.toBe(diskTexts());
    expect(await digestWith('./scripts.js', {makeDisk: () => 'other'})).not.toBe(diskTexts());
    expect(await digestWith('./grub.js', {grubConfiguration: () => 'other'})).not.toBe(diskTexts());
  });
});
