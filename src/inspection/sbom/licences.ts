import {compareCodePoints} from '../../base/index.js';

/** What a package's copyright file declares. */
export interface DeclaredLicence {
  /** An SPDX licence expression; what SPDX has no identifier for is a `LicenseRef-…`. */
  readonly expression: string;
  /** The references in it, with the names that Debian's file has. */
  readonly references: Readonly<Record<string, string>>;
}

/** The licences of each package, from lines `PATH:License: NAME` and `PATH:Format: …` of /usr/share/doc/PACKAGE/copyright.
 * Files that aren't in the machine-readable format say nothing here, since their words would have to be guessed at.
 * @see https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
 */
export function parseLicences(lines: string): ReadonlyMap<string, DeclaredLicence> {
  const named = new Map<string, Set<string>>();
  const readable = new Set<string>();
  for (const line of lines.split('\n')) {
    const [, name, field, value = ''] = /^[^:]*\/([^/:]+)\/copyright:\s*(Format|License):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    if (field === 'Format') readable.add(name);
    else if (isName(value)) named.set(name, (named.get(name) ?? new Set()).add(value));
  }
  return new Map(
    [...named].flatMap(([name, values]) => (readable.has(name) ? [[name, declaredLicence([...values])] as const] : [])),
  );
}

/** Some files have the licence's text where its short name belongs. */
function isName(value: string): boolean {
  return value !== '' && value.length <= 60 && value.split(/\s+/).length <= 8;
}

/** All of a package's licences hold, each for its part of the files. */
export function declaredLicence(names: readonly string[]): DeclaredLicence {
  const references: Record<string, string> = {};
  // What holds together without a choice is the same as each by itself.
  const single = names.flatMap((name) => (alternativesOf(name).length > 1 ? [name] : name.split(conjunction)));
  const expressions = single.map((name) => expressionOf(name.trim(), references));
  const unique = [...new Set(expressions)].sort(compareCodePoints);
  const all = unique.map((expression) =>
    unique.length > 1 && expression.includes(' OR ') ? `(${expression})` : expression,
  );
  return {expression: all.join(' AND '), references};
}

const conjunction = /\s+and\s+/i;

function alternativesOf(name: string): string[] {
  return name.split(/\s+or\s+|\s*\|\s*|_or_/i);
}

function expressionOf(name: string, references: Record<string, string>): string {
  const alternatives = alternativesOf(name);
  const parts = alternatives.map((alternative) => {
    const joined = alternative.split(conjunction).map((one) => identifierOf(one.trim(), references));
    return joined.length > 1 && alternatives.length > 1 ? `(${joined.join(' AND ')})` : joined.join(' AND ');
  });
  return parts.join(' OR ');
}

function identifierOf(name: string, references: Record<string, string>): string {
  const known = gnuIdentifier(name) ?? identifiers[name.toLowerCase()];
  if (known !== undefined) return known;
  const id = `LicenseRef-debian-${name.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '') || 'unnamed'}`;
  references[id] = name;
  return id;
}

const gnuVersions: Readonly<Record<string, string>> = {
  '1': '1.0',
  '2': '2.0',
  '2.0': '2.0',
  '2.1': '2.1',
  '3': '3.0',
  '3.0': '3.0',
};

/** `GPL-2+`, `LGPLv2.1`, `AGPL-3` → SPDX's names, which say whether later versions may be taken. */
function gnuIdentifier(name: string): string | undefined {
  const [, family = '', written = '', plus] = /^([AL]?GPL)-?v?(\d(?:\.\d)?)(\+)?$/i.exec(name) ?? [];
  const version = gnuVersions[written];
  return version === undefined ? undefined : `${family.toUpperCase()}-${version}-${plus ? 'or-later' : 'only'}`;
}

/** Debian's short names in lower case → SPDX identifiers, where both mean the same text. */
const identifiers: Readonly<Record<string, string>> = {
  '0bsd': '0BSD',
  'afl-2.0': 'AFL-2.0',
  'afl-2.1': 'AFL-2.1',
  'apache-2': 'Apache-2.0',
  'apache-2.0': 'Apache-2.0',
  artistic: 'Artistic-1.0-Perl',
  'artistic-2.0': 'Artistic-2.0',
  'bsd-1-clause': 'BSD-1-Clause',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsd-4-clause': 'BSD-4-Clause',
  'bsl-1.0': 'BSL-1.0',
  'bzip2-1.0.6': 'bzip2-1.0.6',
  'cc-by-3.0': 'CC-BY-3.0',
  'cc-by-4.0': 'CC-BY-4.0',
  'cc-by-sa-3.0': 'CC-BY-SA-3.0',
  'cc-by-sa-4.0': 'CC-BY-SA-4.0',
  'cc0-1.0': 'CC0-1.0',
  curl: 'curl',
  expat: 'MIT',
  fsfap: 'FSFAP',
  fsful: 'FSFUL',
  fsfullr: 'FSFULLR',
  ftl: 'FTL',
  'gfdl-1.2+': 'GFDL-1.2-or-later',
  'gfdl-1.3+': 'GFDL-1.3-or-later',
  'gfdl-niv-1.3+': 'GFDL-1.3-no-invariants-or-later',
  isc: 'ISC',
  mit: 'MIT',
  'mpl-1.1': 'MPL-1.1',
  'mpl-2.0': 'MPL-2.0',
  'ofl-1.1': 'OFL-1.1',
  'openldap-2.8': 'OLDAP-2.8',
  openssl: 'OpenSSL',
  'psf-2': 'PSF-2.0',
  'python-2.0': 'Python-2.0',
  ruby: 'Ruby',
  sleepycat: 'Sleepycat',
  'unicode-dfs-2016': 'Unicode-DFS-2016',
  unlicense: 'Unlicense',
  wtfpl: 'WTFPL',
  x11: 'X11',
  zlib: 'Zlib',
};
