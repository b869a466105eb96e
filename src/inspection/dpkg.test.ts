import {describe, expect, test} from 'vitest';
import {
  compareVersions,
  dependencyChain,
  dependencyGraph,
  packageOwners,
  parseAutomatic,
  parseDpkgStatus,
} from './dpkg.js';

const status = `Package: mariadb-server
Status: install ok installed
Priority: optional
Installed-Size: 64000
Architecture: amd64
Source: mariadb (1:11.8.2-1)
Version: 1:11.8.2-1+b1
Depends: libc6 (>= 2.38), default-mta | mail-transport-agent, perl:any
Description: database server
 of two lines

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12
Description: libraries

Package: nullmailer
Status: install ok installed
Architecture: amd64
Version: 2.2
Provides: mail-transport-agent (= 1)

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
`;

describe('dpkg', () => {
  test('its status gives the installed packages with their sources, by name', () => {
    const packages = parseDpkgStatus(status);
    expect(packages.map(({name}) => name)).toEqual(['libc6', 'mariadb-server', 'nullmailer']);
    expect(packages[1]).toMatchObject({
      version: '1:11.8.2-1+b1',
      source: 'mariadb',
      sourceVersion: '1:11.8.2-1',
      installedKiB: 64000,
      depends: [['libc6'], ['default-mta', 'mail-transport-agent'], ['perl']],
      summary: 'database server',
    });
    expect(packages[0]).toMatchObject({source: 'libc6', sourceVersion: '2.41-12'});
  });

  test('dependencies lead to what is installed, by name or as what it provides', () => {
    const graph = dependencyGraph(parseDpkgStatus(status));
    expect(graph.get('mariadb-server')).toEqual(['libc6', 'nullmailer']);
    expect(dependencyChain(graph, ['mariadb-server'], 'nullmailer')).toEqual(['mariadb-server', 'nullmailer']);
    expect(dependencyChain(graph, ['nullmailer'], 'libc6')).toBeUndefined();
    expect(dependencyChain(graph, ['libc6'], 'libc6')).toEqual(['libc6']);
  });

  test('apt tells what was installed for the sake of others', () => {
    const text =
      'Package: a\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: b\nArchitecture: all\nAuto-Installed: 0\n';
    expect(parseAutomatic(text)).toEqual(new Set(['a:amd64']));
  });

  test('lists name the owners of paths, through the links of a merged /usr', () => {
    const link = {
      path: '/bin',
      type: 'link',
      target: 'usr/bin',
      mode: 0o777,
      uid: 0,
      gid: 0,
      sizeBytes: 7,
      modifiedAt: 0,
    };
    const entries = new Map([['/bin', link as never]]);
    const owners = packageOwners(
      {'/var/lib/dpkg/info/dash.list': '/.\n/bin\n/bin/sh\n', '/var/lib/dpkg/info/libc6:amd64.list': '/bin\n'},
      entries,
    );
    expect(owners.get('/usr/bin/sh')).toEqual(['dash']);
    expect(owners.get('/bin')).toEqual(['dash', 'libc6']);
  });

  test.each([
    ['1.0', '1.0', 0],
    ['1.0~rc1', '1.0', -1],
    ['1.0', '1.0-1', -1],
    ['1:0.9', '2.0', 1],
    ['1.10', '1.9', 1],
    ['2.41-12+deb13u4', '2.41-12', 1],
    ['1.0a', '1.0+', -1],
    ['0.0.20', '0.0.3', 1],
    ['1.0-1', '1.0-1~bpo', 1],
  ])('orders %s and %s as dpkg does', (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a))).toBe(order === 0 ? 0 : -order);
  });
});
