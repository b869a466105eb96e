import {z} from 'zod';
import {parseShape, parseYaml, throwProblems, UsageError, type YamlText} from '../base/index.js';
import type {Element} from './element.js';
import {mappedNames} from './package-map.js';

/** A package that an element wants in the image, or away from it. */
export interface PackageRequest {
  readonly name: string;
  readonly phase: 'pre-install.d' | 'install.d' | 'post-install.d';
  readonly act: 'install' | 'remove';
  /** Empty: all. */
  readonly architectures: readonly string[];
  readonly notArchitectures: readonly string[];
  /** `VARIABLE=value` or `VARIABLE!=value`; all have to hold. */
  readonly conditions: readonly string[];
  /** Install type of the element (`source`, `package`) that it is for. */
  readonly installType?: string;
  /** Major version of Python that the image's elements use. */
  readonly pythonVersion?: string;
}

export type PackagePhase = PackageRequest['phase'];

export const packagePhases: readonly PackagePhase[] = ['pre-install.d', 'install.d', 'post-install.d'];

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
  const yaml = await parseYaml(path, text);
  const written = parseShape('package list', yaml, schema) ?? {};
  checkArchitectures(yaml, written);
  return Object.entries(written).flatMap(([name, value]) => itemsOf(value).flatMap((item) => normalise(name, item)));
}

type Entry = z.output<typeof entry>;

function itemsOf(value: Entry | readonly Entry[] | null): readonly Entry[] {
  return Array.isArray(value) ? value : [(value as Entry | null) ?? entry.parse({})];
}

function checkArchitectures(yaml: YamlText, written: Readonly<Record<string, Entry | Entry[] | null>>): void {
  const names = Object.keys(written).filter((name) =>
    itemsOf(written[name] ?? null).some((item) => item.arch !== undefined && item['not-arch'] !== undefined),
  );
  const problems = names.map((name) => yaml.problemAt([name], `"${name}" has both "arch" and "not-arch"`, 'name'));
  throwProblems('package list', yaml, problems);
}

/** What is only for the build is removed again at the end of its phase. */
function normalise(name: string, written: Entry): PackageRequest[] {
  const request = {
    name,
    phase: written.phase,
    architectures: words(written.arch),
    notArchitectures: words(written['not-arch']),
    conditions: typeof written.when === 'string' ? [written.when] : (written.when ?? []),
    ...(written.installtype === undefined ? {} : {installType: written.installtype}),
    ...(written.dib_python_version === undefined ? {} : {pythonVersion: String(written.dib_python_version)}),
  };
  if (written['build-only'])
    return [
      {...request, act: 'install'},
      {...request, act: 'remove'},
    ];
  return [{...request, act: written.uninstall ? 'remove' : 'install'}];
}

/** Parses a file `<phase>/package-installs-NAME` of the format's first version: a name per line; one after a hyphen is only
 * for the build.
 */
export function parseFirstPackageInstalls(phase: PackagePhase, text: string): PackageRequest[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => {
      const name = line.replace(/^-/, '');
      const request = {name, phase, architectures: [], notArchitectures: [], conditions: []};
      const install = {...request, act: 'install'} as const;
      return line.startsWith('-') ? [install, {...request, act: 'remove'} as const] : [install];
    });
}

/** A list, or text with commas. Upstream matches only the first of a text's architectures; ours all of them. */
function words(written: string | readonly string[] | undefined): string[] {
  const items = typeof written === 'string' ? written.split(',') : (written ?? []);
  return items.map((item) => item.trim()).filter(Boolean);
}

/** Variables of a build as its elements' environment.d leaves them. */
export type EvaluatedVariables = Readonly<Record<string, string | undefined>>;

/** The packages that a phase installs and removes, by the names of the image's distribution, in code point order.
 * @param env Conditions, install types, and the distribution come from it.
 * @throws {UsageError} `bad-condition`
 */
export function packagesOfPhase(
  elements: readonly Pick<Element, 'name' | 'packages' | 'packageMap'>[],
  phase: PackagePhase,
  env: EvaluatedVariables,
): {readonly install: string[]; readonly remove: string[]} {
  const names = (act: PackageRequest['act']) => {
    const wanted = elements.flatMap(({name, packages, packageMap}) =>
      packages
        .filter((request) => request.phase === phase && request.act === act && applies(request, name, env))
        .flatMap((request) => mappedNames(request.name, packageMap, env.DISTRO_NAME ?? '', env.DIB_RELEASE ?? '')),
    );
    return [...new Set(wanted)].sort();
  };
  return {install: names('install'), remove: names('remove')};
}

function applies(request: PackageRequest, element: string, env: EvaluatedVariables): boolean {
  const architecture = env.ARCH ?? '';
  if (request.architectures.length > 0 && !request.architectures.includes(architecture)) return false;
  if (request.notArchitectures.includes(architecture)) return false;
  if (request.installType !== undefined && request.installType !== installTypeOf(element, env)) return false;
  if (request.pythonVersion !== undefined && request.pythonVersion !== (env.DIB_PYTHON_VERSION ?? '3')) return false;
  return request.conditions.every((condition) => holds(condition, request.name, element, env));
}

/** `DIB_INSTALLTYPE_<element>` with `_` for `-`, else `DIB_DEFAULT_INSTALLTYPE`, else `source`, as upstream. */
export function installTypeOf(element: string, env: EvaluatedVariables): string {
  return env[`DIB_INSTALLTYPE_${element.replaceAll('-', '_')}`] ?? env.DIB_DEFAULT_INSTALLTYPE ?? 'source';
}

function holds(condition: string, name: string, element: string, env: EvaluatedVariables): boolean {
  const [, variable, negation, value] = /^\s*(\w+)\s*(!?)=\s*(.*?)\s*$/.exec(condition) ?? [];
  const bad = (problem: string) => new UsageError('bad-condition', {element, package: name, condition, problem});
  if (variable === undefined) throw bad('it is neither VARIABLE=value nor VARIABLE!=value');
  if (env[variable] === undefined) throw bad(`the variable ${variable} is not set`);
  return (env[variable] === value) !== (negation === '!');
}
