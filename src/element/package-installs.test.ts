import {describe, expect, test} from 'vitest';
import {packagesOfPhase, parseFirstPackageInstalls, parsePackageInstalls} from './package-installs.js';

async function packages(
  text: string,
  env: Record<string, string> = {},
  phase: 'install.d' | 'post-install.d' = 'install.d',
) {
  const requests = await parsePackageInstalls('package-installs.yaml', text);
  return packagesOfPhase([{name: 'my-element', packages: requests}], phase, {ARCH: 'amd64', ...env});
}

describe('a package list', () => {
  test('installs by name alone, each once, in order', async () => {
    expect(await packages('zlib:\nacl:\nzlib2:\n  - when: A=1\n  - when: A!=1\n', {A: '2'})).toEqual({
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

  test('takes what is only for the build away again, in the same phase', async () => {
    const text = 'gcc:\n  build-only: True\nold:\n  uninstall: true\nkept:\n  uninstall: false\n';
    expect(await packages(text)).toEqual({install: ['gcc', 'kept'], remove: ['gcc', 'old']});
    expect(await packages(text, {}, 'post-install.d')).toEqual({install: [], remove: []});
  });

  test('asks for the version of Python', async () => {
    const text = 'python-yaml:\n  dib_python_version: 2\npython3-yaml:\n  dib_python_version: 3\n';
    expect((await packages(text, {DIB_PYTHON_VERSION: '3'})).install).toEqual(['python3-yaml']);
  });

  test('with a condition on a variable that is not set is refused', async () => {
    await expect(packages('one:\n  when: NOWHERE = 1\n')).rejects.toThrow('the variable NOWHERE is not set');
    await expect(packages('one:\n  when: nonsense\n')).rejects.toThrow('neither VARIABLE=value');
  });

  test('with both arch and not-arch is refused', async () => {
    await expect(packages('one:\n  arch: amd64\n  not-arch: i386\n')).rejects.toThrow('1 problem');
  });

  test('may be empty', async () => {
    expect((await packages('')).install).toEqual([]);
  });

  test('with an unknown member is refused with its place', async () => {
    await expect(packages('one:\n  fase: install.d\n')).rejects.toThrow('1 problem');
  });

  test('of the first version has a name per line; one after a hyphen is only for the build', () => {
    const requests = parseFirstPackageInstalls('install.d', '# tools\ncurl\n\n-gcc\n');
    const phase = packagesOfPhase([{name: 'a', packages: requests}], 'install.d', {});
    expect(phase).toEqual({install: ['curl', 'gcc'], remove: ['gcc']});
  });

  test("has the names of the image's distribution", () => {
    const requests = parseFirstPackageInstalls('install.d', 'ssh\ntools\nnone\nother\n');
    const packageMap = {
      distro: {debian: {ssh: 'openssh-server'}},
      family: {debian: {ssh: 'wrong', tools: 'curl git'}},
      default: {none: ''},
    };
    const found = packagesOfPhase([{name: 'a', packages: requests, packageMap}], 'install.d', {DISTRO_NAME: 'debian'});
    expect(found.install).toEqual(['curl', 'git', 'openssh-server', 'other']);
  });
});
