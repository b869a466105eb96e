import {describe, expect, test} from 'vitest';
import {checkCyclonedx, checkSpdx} from '../../../tests/rig/sbom-rules.js';
import {type BillOfMaterials, billPackages} from './bill.js';
import {renderSbom} from './index.js';
import {declaredLicence, parseLicences} from './licences.js';

const status = ['libc6 2.41-12', 'libstdc++6 14.2.0-19', 'bash 5.2.37-2+b5']
  .map((line) => line.split(' '))
  .map(([name, version]) => {
    const depends = name === 'bash' ? 'Depends: libc6 (>= 2.38)\nSource: bash (5.2.37-2)\n' : '';
    return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${depends}`;
  })
  .join('\n');
const licences = [
  'usr/share/doc/bash/copyright:Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
  'usr/share/doc/bash/copyright:License: GPL-3+',
  'usr/share/doc/bash/copyright: License: Latex2e or MIT',
  'usr/share/doc/libc6/copyright:License: GPL-2',
].join('\n');
const osRelease = 'ID=debian\nVERSION_CODENAME=trixie\n';

const packages = billPackages(status, licences, osRelease);
const bill: BillOfMaterials = {
  name: 'mariadb-11.8',
  version: '11.8',
  description: 'a guest',
  epoch: 1_795_227_046,
  elements: ['trove-guest'],
  elementsDigest: 'd'.repeat(64),
  packages,
  container: {name: 'mariadb', version: '11.8', packages},
};
const uuid = () => '6f1d5c5b-1d0e-5a0b-8b0f-6a5c6a1f0e77';

describe('a bill of materials', () => {
  test('knows packages by their package URL', () => {
    expect(packages.map(({purl}) => purl)).toEqual([
      'pkg:deb/debian/bash@5.2.37-2%2Bb5?arch=amd64&distro=trixie',
      'pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=trixie',
      'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=trixie',
    ]);
  });

  test('has the licences of machine-readable copyright files, and of no others', () => {
    expect(packages.map(({name, licence}) => [name, licence?.expression])).toEqual([
      ['bash', 'GPL-3.0-or-later AND (LicenseRef-debian-Latex2e OR MIT)'],
      ['libc6', undefined],
      ['libstdc++6', undefined],
    ]);
  });

  test.each([
    [['GPL-2+'], 'GPL-2.0-or-later'],
    [['LGPLv2.1', 'Expat'], 'LGPL-2.1-only AND MIT'],
    [['GPL-1+ or Artistic'], 'GPL-1.0-or-later OR Artistic-1.0-Perl'],
    [['GPL-2+ or Expat and zlib'], 'GPL-2.0-or-later OR (MIT AND Zlib)'],
    [['GPL-2+ with OpenSSL exception'], 'LicenseRef-debian-GPL-2-with-OpenSSL-exception'],
    [['LGPL-2+ and MIT', 'Expat', 'LGPL-2+'], 'LGPL-2.0-or-later AND MIT'],
    [['public-domain', 'public-domain'], 'LicenseRef-debian-public-domain'],
  ])('%j is %s in SPDX', (names, expression) => {
    expect(declaredLicence(names).expression).toBe(expression);
  });

  test("a text in a name's place is no licence", () => {
    const lines =
      'usr/share/doc/x/copyright:Format: f\nusr/share/doc/x/copyright:License: Permission to use, copy, modify, and distribute this software';
    expect(parseLicences(lines).size).toBe(0);
  });

  test('is CycloneDX 1.6', () => {
    const document = JSON.parse(renderSbom(bill, uuid)['cdx.json']);
    expect(checkCyclonedx(document)).toEqual([]);
    expect(document.components).toHaveLength(4);
    expect(document.components[3].components).toHaveLength(3);
    expect(document.dependencies).toContainEqual({ref: packages[0]?.purl, dependsOn: [packages[1]?.purl]});
  });

  test('is SPDX 2.3', () => {
    const document = JSON.parse(renderSbom(bill, uuid)['spdx.json']);
    expect(checkSpdx(document)).toEqual([]);
    expect(document.creationInfo.created).toBe('2026-11-21T02:10:46Z');
    expect(document.packages).toHaveLength(8);
  });

  test('is the same for the same image, and another identifier is another image', () => {
    const of = (text: string) => `${text.length}`;
    expect(renderSbom(bill, of)).toEqual(renderSbom(structuredClone(bill), of));
    expect(renderSbom({...bill, name: 'other'}, of)['cdx.json']).not.toBe(renderSbom(bill, of)['cdx.json']);
  });
});
