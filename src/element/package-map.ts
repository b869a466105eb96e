import {z} from 'zod';
import {parseShape, parseYaml} from '../base/index.js';

const names = z.record(z.string(), z.string());

const schema = z.looseObject({
  release: z.record(z.string(), z.record(z.string(), names)).optional(),
  distro: z.record(z.string(), names).optional(),
  family: z.record(z.string(), names).optional(),
  default: names.optional(),
});

/** An element's file `pkg-map`: names of packages, the more special place winning over the more general one. */
export type PackageMap = z.output<typeof schema>;

/** @throws {UsageError} `invalid-file` */
export async function parsePackageMap(path: string, text: string): Promise<PackageMap> {
  return parseShape('package map', await parseYaml(path, text), schema);
}

/** What a package is called in a distribution: no name at all where it isn't needed, several where it is split.
 * Without an entry it has its own name.
 */
export function mappedNames(
  name: string,
  map: PackageMap | undefined,
  distribution: string,
  release: string,
): readonly string[] {
  const family = distributionFamily(distribution);
  const mapped =
    map?.release?.[distribution]?.[release.replace(/^(\d+)-stream$/, '$1')]?.[name] ??
    map?.distro?.[distribution]?.[name] ??
    (family === undefined ? undefined : map?.family?.[family]?.[name]) ??
    map?.default?.[name] ??
    name;
  return mapped.split(/\s+/).filter(Boolean);
}

/** @see diskimage-builder 3.37, elements/pkg-map */
function distributionFamily(distribution: string): string | undefined {
  if (/^(fedora|rhel7?|centos7?|rocky|openeuler)$/.test(distribution)) return 'redhat';
  if (/^(debian|ubuntu)$/.test(distribution)) return 'debian';
  if (distribution === 'opensuse') return 'suse';
  return distribution === 'gentoo' ? 'gentoo' : undefined;
}
