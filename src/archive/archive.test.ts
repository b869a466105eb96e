import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {
  addressOf,
  archiveEpoch,
  archiveFileAt,
  archiveStateId,
  compareVersions,
  type Deb,
  formatAptAnswer,
  packageIndexes,
  parseAptRequest,
  parseRelease,
  readTable,
  renderRelease,
  renderStanza,
  suitesOf,
} from './index.js';

const mirrors = {archive: 'http://mirror.example/debian', security: 'http://mirror.example/debian-security'};

const deb: Deb = {
  name: 'hello',
  version: '2.10-3',
  architecture: 'amd64',
  priority: 'required',
  sizeBytes: 5,
  sha256: sha256('hello'),
  archive: 'debian',
  suite: 'trixie',
  component: 'main',
  path: 'pool/main/h/hello/hello_2.10-3_amd64.deb',
};

describe('an address of a mirror', () => {
  test('is a file of its archive, security before the archive whose name it begins with', () => {
    expect(archiveFileAt('http://mirror.example/debian/pool/a.deb', mirrors)).toEqual({
      archive: 'debian',
      path: 'pool/a.deb',
    });
    expect(archiveFileAt('http://mirror.example/debian-security/dists/x/InRelease', mirrors)).toEqual({
      archive: 'debian-security',
      path: 'dists/x/InRelease',
    });
  });

  test('may be of another archive that was met, or of none', () => {
    const other = 'https://other.example/apt';
    expect(archiveFileAt(`${other}/pool/b.deb`, mirrors)).toBeUndefined();
    const file = archiveFileAt(`${other}/pool/b.deb`, mirrors, [other]);
    expect(file).toEqual({archive: other, path: 'pool/b.deb'});
    expect(file && addressOf(file, mirrors)).toBe(`${other}/pool/b.deb`);
  });
});

describe('a state of the archive', () => {
  const suites = suitesOf('trixie').map((suite, i) => ({...suite, sha256: sha256(`${i}`), date: 100 + i}));

  test('is known by the digests of its suites, and dated by the newest', () => {
    expect(suites.map(({suite}) => suite)).toEqual(['trixie', 'trixie-updates', 'trixie-security']);
    expect(archiveEpoch({suites})).toBe(102);
    const moved = suites.map((suite, i) => (i === 2 ? {...suite, sha256: sha256('x')} : suite));
    expect(archiveStateId({suites: moved})).not.toBe(archiveStateId({suites}));
    expect(archiveStateId({suites: suites.map((suite) => ({...suite, date: 7}))})).toBe(archiveStateId({suites}));
  });

  test('has one suite where the release is rolling', () => {
    expect(suitesOf('sid')).toEqual([{archive: 'debian', suite: 'sid'}]);
  });
});

describe('a Release file', () => {
  test('tells its date and its indexes by architecture', () => {
    const digest = sha256('p');
    const text = [
      '-----BEGIN PGP SIGNED MESSAGE-----',
      'Suite: trixie',
      'Date: Sat, 12 Sep 2026 07:55:41 UTC',
      'SHA256:',
      ` ${digest}     123 main/binary-amd64/Packages.xz`,
      ` ${digest}     999 main/binary-amd64/Packages`,
      ` ${digest}     124 main/binary-arm64/Packages.xz`,
      '-----BEGIN PGP SIGNATURE-----',
    ].join('\n');
    const release = parseRelease(text);
    expect(release?.date).toBe(Date.UTC(2026, 8, 12, 7, 55, 41) / 1000);
    expect(release && packageIndexes(release, 'amd64')).toEqual([
      {component: 'main', path: 'main/binary-amd64/Packages.xz', sha256: digest},
    ]);
  });

  test('is none without a date or a list of digests, as a proxy’s page is', () => {
    expect(parseRelease('<html>sign in</html>')).toBeUndefined();
    expect(parseRelease('Date: Sat, 12 Sep 2026 07:55:41 UTC\n')).toBeUndefined();
  });

  test('of ours is read as it was written', () => {
    const file = {path: 'main/binary-amd64/Packages', sha256: sha256(''), sizeBytes: 0};
    const text = renderRelease('trixie', 'amd64', ['main'], 86_400, [file]);
    expect(parseRelease(text)).toEqual({
      date: 86_400,
      files: new Map([[file.path, {sha256: file.sha256, sizeBytes: 0}]]),
    });
  });
});

describe('a stanza', () => {
  test("is the package's control file with what the archive adds and overrules", () => {
    const control = 'Package: hello\nPriority: optional\nDepends: libc6\nDescription: greets\n';
    expect(renderStanza(control, deb)).toBe(
      [
        'Package: hello',
        'Depends: libc6',
        'Description: greets',
        'Priority: required',
        `Filename: ${deb.path}`,
        'Size: 5',
        `SHA256: ${deb.sha256}`,
        '',
        '',
      ].join('\n'),
    );
  });

  test('becomes a line of a table, found by name or digest', () => {
    const line = ['hello', '2.10-3', 'amd64', 'required', '5', deb.sha256, deb.path].join('\t');
    const table = `other\t1\tall\t\t1\t${sha256('o')}\tpool/o\n${line}\n`;
    expect(readTable(table, (name) => name === 'hello')).toEqual([
      {
        name: 'hello',
        version: '2.10-3',
        architecture: 'amd64',
        priority: 'required',
        sizeBytes: 5,
        sha256: deb.sha256,
        path: deb.path,
      },
    ]);
  });
});

describe('versions', () => {
  test.each([
    ['1.0', '1.0', 0],
    ['1.9', '1.10', -1],
    ['1.0~rc1', '1.0', -1],
    ['1.0-1', '1.0-1+deb13u1', -1],
    ['1.0-1+b1', '1.0-1', 1],
    ['1:0.5', '9.9', 1],
    ['2.5.0+dfsg-1', '2.5.0-1', 1],
    ['1.0a', '1.0+', -1],
    ['3.5.1', '3.5.2', -1],
  ])('%s against %s', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
    expect(Math.sign(compareVersions(b, a)) + 0).toBe(-sign + 0);
  });
});

describe("apt's requests", () => {
  test('have a digest, unless they are for the root of an index', () => {
    expect(parseAptRequest(`http://a/b\t${deb.sha256}`)).toEqual({address: 'http://a/b', sha256: deb.sha256});
    expect(parseAptRequest('http://a/InRelease\t')).toEqual({address: 'http://a/InRelease', sha256: undefined});
  });

  test('are answered on one line', () => {
    const request = {address: 'http://a/b', sha256: undefined};
    expect(formatAptAnswer(request, {kind: 'none', problem: 'two\nlines\there'})).toBe(
      'http://a/b\tnone\ttwo lines here\n',
    );
    expect(formatAptAnswer(request, {kind: 'file', file: 'f', sha256: deb.sha256, sizeBytes: 5})).toBe(
      `http://a/b\tfile\tf\t${deb.sha256}\t5\n`,
    );
  });
});
