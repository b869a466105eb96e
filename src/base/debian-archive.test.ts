import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {debianMirrorsAmong, debianSourceLines, findDebianMirrors, parseAptSources} from './debian-archive.js';

const deb822 = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: trixie
 trixie-updates
Components: main contrib

Types: deb
URIs: http://mirror.example/off
Suites: trixie
Components: main
Enabled: no

Types: deb
URIs: http://mirror.example/security
Suites: trixie-security
Components: main
`;

describe('debian archive', () => {
  test('reads deb822 stanzas with continuation lines and leaves out what is disabled', () => {
    expect(parseAptSources(deb822, 'deb822')).toEqual([
      {uri: 'http://mirror.example/debian/', suites: ['trixie', 'trixie-updates'], components: ['main', 'contrib']},
      {uri: 'http://mirror.example/security', suites: ['trixie-security'], components: ['main']},
    ]);
  });

  test('reads one-line sources with options and comments', () => {
    const text =
      'deb [arch=amd64 signed-by=/k.gpg] http://m.example/d bookworm main # note\ndeb-src http://m.example/d x main\n';
    expect(parseAptSources(text, 'one-line')).toEqual([
      {uri: 'http://m.example/d', suites: ['bookworm'], components: ['main']},
    ]);
  });

  test('knows the main and the security archive by their suites, among others', () => {
    const other = {uri: 'http://other.example', suites: ['nodistro'], components: ['main']};
    expect(debianMirrorsAmong([other, ...parseAptSources(deb822, 'deb822')])).toEqual({
      archive: 'http://mirror.example/debian',
      security: 'http://mirror.example/security',
    });
    expect(debianMirrorsAmong([other])).toBeUndefined();
  });

  test('makes no source lines without a mirror, one for sid, three for a release', () => {
    const mirrors = {archive: 'http://m/d', security: 'http://m/s'};
    expect(debianSourceLines('trixie', undefined)).toEqual([]);
    expect(debianSourceLines('sid', mirrors)).toEqual(['deb http://m/d sid main']);
    expect(debianSourceLines('trixie', mirrors)).toEqual([
      'deb http://m/d trixie main',
      'deb http://m/d trixie-updates main',
      'deb http://m/s trixie-security main',
    ]);
  });

  describe('of a host', () => {
    let folder = '';
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'apt-'));
    });
    afterEach(() => rm(folder, {recursive: true}));

    test('come from its apt configuration', async () => {
      await mkdir(join(folder, 'sources.list.d'));
      await writeFile(join(folder, 'sources.list.d/debian.sources'), deb822);
      expect((await findDebianMirrors({}, folder))?.archive).toBe('http://mirror.example/debian');
    });

    test('are what DIB_DISTRIBUTION_MIRROR says, when it says something', async () => {
      expect(await findDebianMirrors({DIB_DISTRIBUTION_MIRROR: 'http://own.example/debian/'}, folder)).toEqual({
        archive: 'http://own.example/debian',
        security: 'http://own.example/debian-security',
      });
    });

    test('are unknown where apt has no sources', async () => {
      expect(await findDebianMirrors({}, folder)).toBeUndefined();
    });
  });
});
