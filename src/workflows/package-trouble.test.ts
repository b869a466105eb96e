import {describe, expect, test} from 'vitest';
import {isDiskFull} from '../base/index.js';
import {isMirrorTrouble, isPackageUnknown} from './package-trouble.js';

describe('what apt prints', () => {
  test.each([
    'E: Failed to fetch http://127.0.0.1:9/debian/dists/trixie/InRelease  Could not connect to 127.0.0.1:9',
    'Err:1 http://mirror.test/debian trixie InRelease\n  Temporary failure resolving ‘mirror.test’',
    "E: The repository 'http://mirror.test/debian trixie Release' is not signed.",
  ])('tells an unreachable or refusing mirror: %s', (output) => {
    expect(isMirrorTrouble(output)).toBe(true);
  });

  test('tells a full disk', () => {
    expect(isDiskFull("E: You don't have enough free space in /var/cache/apt/archives/.")).toBe(true);
    expect(isDiskFull('ENOSPC: no space left on device, write')).toBe(true);
    expect(isDiskFull('tar: a: Cannot write: Disk quota exceeded')).toBe(true);
    expect(isDiskFull('dpkg: error: cannot copy extracted data: failed to write (No space left on device)')).toBe(true);
  });

  test('tells a package that no index has', () => {
    expect(isPackageUnknown('Reading package lists...\nE: Unable to locate package docker-ce\n')).toBe(true);
    expect(isPackageUnknown("E: Package 'docker-ce' has no installation candidate")).toBe(true);
  });

  test('is no such trouble when a package fails', () => {
    const output =
      'Setting up x (1) ...\ndpkg: error processing package x (--configure):\nE: Sub-process /usr/bin/dpkg returned an error code (1)';
    expect(isMirrorTrouble(output)).toBe(false);
    expect(isDiskFull(output)).toBe(false);
    expect(isPackageUnknown(output)).toBe(false);
  });
});
