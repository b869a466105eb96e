import {compareCodePoints} from '../../base/index.js';
import {type DebianPackage, dependencyGraph, parseDpkgStatus} from '../dpkg.js';
import {type DeclaredLicence, parseLicences} from './licences.js';

/** What an image is made of: the value that both formats of a bill of materials are rendered from. */
export interface BillOfMaterials {
  /** Of the image. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Date of everything in the image, seconds since 1970. */
  readonly epoch: number;
  readonly elements: readonly string[];
  readonly elementsDigest: string;
  readonly packages: readonly BilledPackage[];
  /** A container that the image carries, with its own packages. */
  readonly container?: {readonly name: string; readonly version: string; readonly packages: readonly BilledPackage[]};
}

export interface BilledPackage extends DebianPackage {
  /** Package URL, by which scanners know it. */
  readonly purl: string;
  /** Absent when the package's copyright file doesn't say it in the machine-readable form. */
  readonly licence?: DeclaredLicence;
  /** Names of installed packages that it depends on. */
  readonly needs: readonly string[];
}

/** The packages of a tree with what is known of them.
 * @param status dpkg's status file.
 * @param licences Lines as `parseLicences` takes them.
 * @param osRelease Text of /etc/os-release; empty where there is none.
 */
export function billPackages(status: string, licences: string, osRelease: string): BilledPackage[] {
  const packages = parseDpkgStatus(status);
  const declared = parseLicences(licences);
  const graph = dependencyGraph(packages);
  const distribution = parseOsRelease(osRelease);
  return packages.map((item) => {
    const licence = declared.get(item.name);
    return {
      ...item,
      purl: packageUrl(item, distribution),
      ...(licence ? {licence} : {}),
      needs: graph.get(item.name) ?? [],
    };
  });
}

interface Distribution {
  readonly id: string;
  readonly codename: string;
}

function parseOsRelease(text: string): Distribution {
  const of = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return {id: of('ID') || 'debian', codename: of('VERSION_CODENAME')};
}

/** @see https://github.com/package-url/purl-spec, type deb */
function packageUrl({name, version, architecture}: DebianPackage, {id, codename}: Distribution): string {
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%3A', ':');
  const qualifiers = [`arch=${architecture}`, ...(codename ? [`distro=${encoded(codename)}`] : [])];
  return `pkg:deb/${id}/${encoded(name)}@${encoded(version)}?${qualifiers.join('&')}`;
}

/** `2026-11-22T19:50:46Z` */
export function isoSeconds(epoch: number): string {
  return new Date(epoch * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Every reference to a licence without SPDX identifier in some packages, with its name. */
export function licenceReferences(packages: readonly BilledPackage[]): [string, string][] {
  const all = new Map(packages.flatMap(({licence}) => Object.entries(licence?.references ?? {})));
  return [...all].sort(([a], [b]) => compareCodePoints(a, b));
}
