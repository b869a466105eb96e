import {describe, expect, test} from 'vitest';
import type {Deb} from '../archive/index.js';
import {sha256, UsageError} from '../base/index.js';
import {
  describeMoves,
  type Lock,
  lockAgeDays,
  movedPackages,
  packageMoves,
  parseLock,
  renderLock,
  sourceMove,
  subjectChanges,
} from './index.js';

function deb(name: string, version: string): Deb {
  return {
    name,
    version,
    architecture: 'amd64',
    priority: 'optional',
    sizeBytes: 10,
    sha256: sha256(`${name} ${version}`),
    archive: 'debian',
    suite: 'trixie',
    component: 'main',
    path: `pool/main/${name}_${version}_amd64.deb`,
  };
}

const archive = {
  release: 'trixie',
  suites: [{archive: 'debian', suite: 'trixie', sha256: sha256('r'), date: 1_700_000_000}],
};

const lock: Lock = {
  subject: {
    image: 'mariadb-11.8',
    series: '2025.1',
    definition: sha256('d'),
    elements: {base: sha256('b'), guest: sha256('g')},
  },
  mirrors: {archive: 'http://mirror.example/debian', security: 'http://mirror.example/debian-security'},
  archive,
  packages: [deb('adduser', '3.152'), deb('libssl3', '3.5.1')],
  tools: {identity: sha256('t'), archive, packages: [deb('mtools', '4.0')]},
};

async function problemsOf(text: string): Promise<unknown> {
  try {
    await parseLock('x.lock.yaml', text);
    return 'none';
  } catch (error) {
    if (error instanceof UsageError && error.code === 'invalid-file') return error.words.details;
    throw error;
  }
}

describe('a lock file', () => {
  test('is read as it was written', async () => {
    expect(await parseLock('x', renderLock(lock))).toEqual(lock);
  });

  test('has a package a line, in order of names', () => {
    const text = renderLock({...lock, packages: [...lock.packages].reverse()});
    expect(text).toBe(renderLock(lock));
    expect(text.split('\n').filter((line) => line.startsWith('  - {name:'))).toHaveLength(2);
  });

  test('without packages, elements or mirrors is one too', async () => {
    const {mirrors: _, ...rest} = lock;
    const bare = {...rest, packages: [], subject: {...lock.subject, elements: {}}};
    expect(await parseLock('x', renderLock(bare))).toEqual(bare);
  });

  test('that was edited is told at its checksum', async () => {
    const edited = renderLock(lock).replace('"3.5.1"', '"3.5.2"');
    expect(JSON.stringify(await problemsOf(edited))).toMatch(/x\.lock\.yaml:\d+:\d+.*it was edited/);
  });

  test('that was cut is told with the place', async () => {
    const text = renderLock(lock);
    const cut = text.slice(0, text.indexOf('  identity'));
    expect(JSON.stringify(await problemsOf(cut))).toMatch(/x\.lock\.yaml:\d+:\d+/);
    expect(JSON.stringify(await problemsOf(text.slice(0, text.indexOf('libssl3') - 3)))).toMatch(
      /x\.lock\.yaml:\d+:\d+/,
    );
  });

  test('names sources by their pins, where there are some', async () => {
    const sources = [
      {name: 'data', type: 'file', location: 'https://f.example/data', pin: sha256('data')},
      {name: 'trove', type: 'git', location: 'https://g.example/trove', ref: 'main', pin: 'a'.repeat(40)},
    ] as const;
    const text = renderLock({...lock, sources});
    expect(await parseLock('x', text)).toEqual({...lock, sources});
    const cut = text.replace(`pin: "${'a'.repeat(40)}"`, 'pin: "main"');
    expect(JSON.stringify(await problemsOf(cut))).toContain('Must be a commit, or a sha256');
  });

  test('names no path outside of the archive', async () => {
    const text = renderLock({...lock, packages: [{...deb('a', '1'), path: '../../etc/shadow'}]});
    expect(JSON.stringify(await problemsOf(text))).toContain('below the archive');
  });
});

describe('changes', () => {
  test('of what an image is made of are named', () => {
    const now = {...lock.subject, elements: {base: sha256('other'), agent: sha256('a')}};
    expect(subjectChanges(lock.subject, lock.subject)).toEqual([]);
    expect(subjectChanges(lock.subject, now)).toEqual([
      'element agent is new',
      'element base changed',
      'element guest is gone',
    ]);
    expect(subjectChanges(lock.subject, {...lock.subject, series: '2026.1'})).toEqual([
      'it is of series 2025.1, not of 2026.1',
    ]);
  });

  test('of packages are told by the newest version of each name', () => {
    const indexed = [deb('libssl3', '3.5.1'), deb('libssl3', '3.5.2'), deb('unrelated', '1')];
    const moves = movedPackages(lock.packages, indexed);
    expect(describeMoves(moves)).toBe('adduser 3.152 is gone, libssl3 3.5.1 → 3.5.2');
    expect(describeMoves(packageMoves([], [deb('a', '1'), deb('b', '1')]), 1)).toBe('a 1 is new, and 1 more');
  });

  test('of packages are why a lock is refused', () => {
    const moves = describeMoves(packageMoves([deb('libssl3', '3.5.1')], [deb('libssl3', '3.5.2')]));
    const {words} = new UsageError('lock-outdated', {file: 'x.lock.yaml', moves});
    expect(words.message).toContain('package list moved: libssl3 3.5.1 → 3.5.2');
    expect(words.next).toContain('--update');
  });

  test('of sources are told by their names and the beginnings of their pins', () => {
    const before = {name: 'trove', type: 'git', location: 'l', ref: 'main', pin: 'abc1234'.padEnd(40, '0')} as const;
    const now = {...before, pin: 'def5678'.padEnd(40, '0')};
    expect(sourceMove([before], now)).toBe('trove abc1234 → def5678');
    expect(sourceMove([before], before)).toBeUndefined();
    expect(sourceMove([], now)).toBeUndefined();
  });

  test('the age of a lock is that of its archive', () => {
    expect(lockAgeDays(lock, (1_700_000_000 + 31 * 86_400) * 1000)).toBe(31);
  });
});
