import {describe, expect, test} from 'vitest';
import {packagesOfPhase, parsePackageInstalls} from './package-installs.js';

async function packages(
  text: string,
  env: Record<string, string> = {},
  phase: 'install.d' | 'post-install.d' = 'install.d',
) {
  const requests = await parsePackageInstalls('package-installs.yaml', text);
  return packagesOfPhase(
    requests.map((request) => ({...request, element: 'my-element'})),
    phase,
    {ARCH: 'amd64', ...env},
  );
}

describe('a package list', () => {
  test('installs by name alone, each once, in order', async () => {
    expect(await packages('zlib:\nacl:\nzlib2:\n  - when: A=1\n  - when: A!=1\n')).toEqual({
      install: ['acl', 'zlib', 'zlib2'],
      remove: [],
    });
  });

  test('asks for the architecture; every one of a list counts', async () => {
    const text = 'one:\n  arch: i386, amd64\ntwo:\n  not-arch: amd64\nthree:\n  arch: arm64\n';
    expect((await packages(text)).install).toEqual(['one']);
  });

  test('asks all conditions of a package', async () => {
    const text = 'one:\n  when:\n    - A=1\n    - B!=2\n';
    expect((await packages(text, {A: '1', B: '3'})).install).toEqual(['one']);
    expect((await packages(text, {A: '1', B: '2'})).install).toEqual([]);
  });

  test('asks for the install type of its element', async () => {
    const text = 'one:\n  installtype: package\n';
    expect((await packages(text)).install).toEqual([]);
    expect((await packages(text, {DIB_INSTALLTYPE_my_element: 'package'})).install).toEqual(['one']);
  });

  test('takes what is only for the build away again', async () => {
    const text = 'gcc:\n  build-only: True\nold:\n  uninstall: true\n';
    expect(await packages(text)).toEqual({install: ['gcc'], remove: ['old']});
    expect(await packages(text, {}, 'post-install.d')).toEqual({install: [], remove: ['gcc']});
  });

  test('may be empty', async () => {
    expect((await packages('')).install).toEqual([]);
  });

  test('with an unknown member is refused with its place', async () => {
    await expect(packages('one:\n  fase: install.d\n')).rejects.toThrow('1 problem');
  });
});
