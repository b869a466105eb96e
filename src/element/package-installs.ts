import {z} from 'zod';
import {parseShape, parseYaml} from '../base/index.js';

/** A package that an element wants in the image, or away from it. */
export interface PackageRequest {
  readonly name: string;
  readonly phase: 'pre-install.d' | 'install.d' | 'post-install.d';
  readonly act: 'install' | 'remove';
  /** Only while building: it is removed at the end of the post-install phase. */
  readonly isBuildOnly: boolean;
  /** Empty: all. */
  readonly architectures: readonly string[];
  readonly notArchitectures: readonly string[];
  /** `VARIABLE=value` or `VARIABLE!=value`; all have to hold. */
  readonly conditions: readonly string[];
  /** Install type of the element (`source`, `package`) that it is for. */
  readonly installType?: string;
}

const truth = z.union([z.boolean(), z.stringbool()]);
const list = z.union([z.string(), z.array(z.string())]).optional();

const entry = z.strictObject({
  phase: z.enum(['pre-install.d', 'install.d', 'post-install.d']).default('install.d'),
  uninstall: truth.default(false),
  'build-only': truth.default(false),
  arch: list,
  'not-arch': list,
  when: list,
  installtype: z.string().optional(),
  dib_python_version: z.union([z.string(), z.number()]).optional(),
});

const schema = z.record(z.string().min(1), z.union([entry, z.array(entry), z.null()])).nullable();

/** Parses an element's `package-installs.yaml` (or .json).
 * @throws {UsageError} `invalid-file`
 */
export async function parsePackageInstalls(path: string, text: string): Promise<PackageRequest[]> {
  const written = parseShape('package list', await parseYaml(path, text), schema);
  return Object.entries(written ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? entry.parse({})]).flatMap((item) => normalise(name, item)),
  );
}

function normalise(name: string, written: z.output<typeof entry>): PackageRequest[] {
  // Python 2 is gone from every release that images are built of.
  if (written.dib_python_version !== undefined && String(written.dib_python_version) !== '3') return [];
  const request: PackageRequest = {
    name,
    phase: written.phase,
    act: written.uninstall ? 'remove' : 'install',
    isBuildOnly: written['build-only'],
    architectures: words(written.arch),
    notArchitectures: words(written['not-arch']),
    conditions: words(written.when),
    ...(written.installtype === undefined ? {} : {installType: written.installtype}),
  };
  if (!request.isBuildOnly) return [request];
  return [request, {...request, phase: 'post-install.d', act: 'remove'}];
}

/** A list, or text with commas. Upstream matches only the first of a text's architectures; ours all of them. */
function words(written: string | readonly string[] | undefined): string[] {
  const items = typeof written === 'string' ? written.split(',') : (written ?? []);
  return items.map((item) => item.trim()).filter(Boolean);
}

/** The packages that a phase installs and removes, in code point order.
 * @param env Variables of the build, which conditions and install types ask for.
 */
export function packagesOfPhase(
  requests: readonly (PackageRequest & {readonly element: string})[],
  phase: PackageRequest['phase'],
  env: Readonly<Record<string, string | undefined>>,
): {readonly install: string[]; readonly remove: string[]} {
  const wanted = requests.filter((request) => request.phase === phase && applies(request, env));
  const names = (act: PackageRequest['act']) =>
    [...new Set(wanted.filter((request) => request.act === act).map((request) => request.name))].sort();
  return {install: names('install'), remove: names('remove')};
}

function applies(
  request: PackageRequest & {readonly element: string},
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const architecture = env.ARCH ?? '';
  if (request.architectures.length > 0 && !request.architectures.includes(architecture)) return false;
  if (request.notArchitectures.includes(architecture)) return false;
  if (request.installType !== undefined && request.installType !== installTypeOf(request.element, env)) return false;
  return request.conditions.every((condition) => holds(condition, env));
}

/** `DIB_INSTALLTYPE_<element>` with `_` for `-`, else `DIB_DEFAULT_INSTALLTYPE`, else `source`, as upstream. */
function installTypeOf(element: string, env: Readonly<Record<string, string | undefined>>): string {
  return env[`DIB_INSTALLTYPE_${element.replaceAll('-', '_')}`] ?? env.DIB_DEFAULT_INSTALLTYPE ?? 'source';
}

function holds(condition: string, env: Readonly<Record<string, string | undefined>>): boolean {
  const [, name = '', negation, value] = /^\s*(\w+)\s*(!?)=\s*(.*?)\s*$/.exec(condition) ?? [];
  return (env[name] === value) !== (negation === '!');
}
