import {describe, expect, test} from 'vitest';
import type {Deb} from '../archive/index.js';
import {type Sha256, sha256} from '../base/index.js';
import type {PackageFiles} from '../store/index.js';
import {makeLockedIndexes} from './locked-indexes.js';

function deb(name: string, suite: string): Deb {
  return {
    ...{name, version: '1', architecture: 'amd64', sizeBytes: 1, sha256: sha256(name)},
    ...{archive: 'debian', suite, component: 'main', path: `pool/main/${name}_1_amd64.deb`},
  };
}

describe('indexes made from a lock', () => {
  const texts = new Map<Sha256, string>();
  const store = {
    keepText: async (text: string, digest: Sha256) => void texts.set(digest, text),
  } as unknown as PackageFiles;
  const locked = [deb('a', 'trixie'), deb('b', 'trixie-updates')];
  const controls = new Map(locked.map(({name, sha256: digest}) => [digest, `Package: ${name}\nVersion: 1\n`]));

  async function packagesIn(archive: string, suite: string): Promise<string[]> {
    const {sha256: digest} = await makeLockedIndexes(locked, controls, 'amd64', store).release(archive, suite);
    const [, index] = /^ ([0-9a-f]{64}) \d+ main\/binary-amd64\/Packages$/m.exec(texts.get(digest) ?? '') ?? [];
    const text = texts.get(index as Sha256);
    if (text === undefined) throw new Error(`${suite} has no index`);
    return [...text.matchAll(/^Package: (.*)$/gm)].map(([, name = '']) => name);
  }

  test("hold a suite's packages, and in the release those of its updates", async () => {
    expect(await packagesIn('debian', 'trixie')).toEqual(['a', 'b']);
    expect(await packagesIn('debian', 'trixie-updates')).toEqual(['b']);
  });

  test('are empty for any other suite that apt asks for', async () => {
    expect(await packagesIn('debian', 'trixie-backports')).toEqual([]);
    expect(await packagesIn('https://other.example/debian', 'trixie')).toEqual([]);
  });
});
