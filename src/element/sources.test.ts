import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {isSourceList, parseSources, sourcesScript} from './sources.js';

/** What bash finds in a list's lines. */
function sourcesIn(text: string, env: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sources-'));
  try {
    const list = join(folder, 'source-repository-x');
    writeFileSync(list, text);
    const script = `set -eu -o pipefail\n${sourcesScript}`;
    const printed = execFileSync('bash', ['--norc', '-c', script, 'sources', list], {
      env: {PATH: process.env.PATH, DIB_DEFAULT_INSTALLTYPE: 'source', ...env},
      encoding: 'utf8',
    });
    return parseSources(printed);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

describe('the sources of elements', () => {
  test('are lines of name, type, path, location and ref, with what variables make of them', () => {
    const text = [
      '# comment',
      '',
      'trove git /opt/trove https://git.example/openstack/trove',
      'limits file /opt/limits.txt $WHERE/limits.txt',
      'agent tar /opt/agent https://files.example/a.tgz a-*',
      'gone package',
      '',
    ].join('\n');
    expect(sourcesIn(text, {WHERE: 'https://w.example'})).toEqual([
      {name: 'trove', type: 'git', location: 'https://git.example/openstack/trove', ref: 'master'},
      {name: 'limits', type: 'file', location: 'https://w.example/limits.txt', ref: ''},
      {name: 'agent', type: 'tar', location: 'https://files.example/a.tgz', ref: 'a-*'},
    ]);
  });

  test('follow the variables of their names, and the base of all repositories', () => {
    const text = 'my-app git /opt/app https://git.example/app main\nlib git /opt/lib https://git.example/~me/lib\n';
    const env = {
      DIB_REPOREF_my_app: 'v1',
      DIB_REPOLOCATION_my_app: 'https://other.example/app',
      DIB_GITREPOBASE: 'https://base.example',
    };
    expect(sourcesIn(text, env)).toEqual([
      {name: 'my-app', type: 'git', location: 'https://other.example/app', ref: 'v1'},
      {name: 'lib', type: 'git', location: 'https://base.example/lib', ref: 'master'},
    ]);
    expect(sourcesIn(text, {DIB_DEFAULT_INSTALLTYPE: 'package', DIB_INSTALLTYPE_lib: 'source'})).toHaveLength(1);
    expect(sourcesIn(text, {NO_SOURCE_REPOSITORIES: '1'})).toEqual([]);
  });

  test("are in an element's own folder, in files that are no editor's copies", () => {
    const paths = [
      'source-repository-a',
      'source-repository-a~',
      'install.d/source-repository-a',
      'source-repositories',
    ];
    expect(paths.filter(isSourceList)).toEqual(['source-repository-a']);
  });
});
