import {canonicalJson, describeEnd, lastLines, StepError, sha256, type World} from '../base/index.js';
import {
  type Element,
  type EvaluatedVariables,
  environmentFiles,
  hasSources,
  isSourceList,
  parseSources,
  type Source,
  separateCredentials,
  sourcesScript,
} from '../element/index.js';
import {enter, type Mount} from '../sandbox/index.js';
import {findOrMake} from './find-or-make.js';
import {hookPlaces, stepEnvironment} from './hook-environment.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

interface EnvironmentFacts {
  readonly variables: Readonly<Record<string, string>>;
}

interface SourcesFacts {
  readonly sources: readonly Source[];
}

/** The variables with what the elements' environment.d makes of them, as far as a plan depends on them: distribution,
 * release, install types, boot loader, and those that conditions of package lists name. Found in the store, or asked of bash and kept.
 * @param variables Of the tree and its image. Bash sees with them what hooks outside the image see.
 * @param epoch That of the tree, in seconds since 1970; 0 while it isn't known.
 */
export async function evaluatedEnvironment(
  elements: readonly Element[],
  variables: Readonly<Record<string, string>>,
  epoch: number,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<EvaluatedVariables> {
  const files = environmentDigests(elements);
  if (files.length === 0) return variables;
  const wanted = wantedNames(elements);
  const env = stepEnvironment('outside', variables, {epoch, proxies: {}});
  const key = sha256(canonicalJson({form: 3, files, env, wanted: [...wanted].sort(), tools: tools.identity}));
  const made = await findOrMake<EnvironmentFacts>('environments', key, evaluation, workshop, world, async () => {
    const all = await evaluate(elements, env, workshop, tools, world);
    const pairs = Object.entries(all).filter(([name]) => wanted.has(name) || wantedPattern.test(name));
    return {facts: {variables: Object.fromEntries(pairs)}, isKept: true};
  });
  return made.facts.variables;
}

/** What is made, for those who wait for it. */
const evaluation = 'what environment.d makes of the variables';

/** The files of environment.d by their content. */
function environmentDigests(elements: readonly Element[]) {
  return elements.flatMap(({name, files}) =>
    files.filter(({path}) => path.startsWith('environment.d/')).map(({path, sha256}) => [name, path, sha256]),
  );
}

/** The sources that elements name, as the hook of source-repositories finds them. Found in the store, or asked of bash and kept.
 * @param variables As for `evaluatedEnvironment`.
 */
export async function evaluatedSources(
  elements: readonly Element[],
  variables: Readonly<Record<string, string>>,
  epoch: number,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<readonly Source[]> {
  if (!hasSources(elements)) return [];
  const lists = elements.flatMap(({name, folder, files}) =>
    files
      .filter(({path}) => isSourceList(path))
      .map(({path, sha256}) => ({name, path, sha256, from: `${folder}/${path}`})),
  );
  const env = stepEnvironment('outside', variables, {epoch, proxies: {}});
  const named = lists.map(({name, path, sha256}) => [name, path, sha256]);
  const files = environmentDigests(elements);
  const key = sha256(canonicalJson({form: 1, files, named, env, sourcesScript, tools: tools.identity}));
  const made = await findOrMake<SourcesFacts>('environments', key, evaluation, workshop, world, async () => {
    const at = (path: string) => `${hookPlaces.hooks}/${path}`;
    const mounts = lists.map(({path, from}) => ({kind: 'bind', at: at(path), from, readOnly: true}) as const);
    const places = [...new Set(lists.map(({path}) => at(path)))];
    const printed = await runAfterEnvironment(sourcesScript, places, mounts, elements, env, workshop, tools, world);
    const sources = parseSources(printed);
    // An element may have written a password into an address: the store is no place for it.
    return {facts: {sources}, isKept: !sources.some(({location}) => separateCredentials(location).credentials)};
  });
  return made.facts.sources;
}

/** Install types, and settings of the boot loader. */
const wantedPattern = /^DIB_(?:INSTALLTYPE|BOOTLOADER|GRUB)_/;

function wantedNames(elements: readonly Element[]): Set<string> {
  const conditions = elements.flatMap(({packages}) => packages.flatMap((request) => request.conditions));
  return new Set([
    ...['ARCH', 'DISTRO_NAME', 'DIB_DEFAULT_INSTALLTYPE', 'DIB_PYTHON_VERSION', 'DIB_RELEASE'],
    ...conditions.flatMap((condition) => /^\s*(\w+)/.exec(condition)?.[1] ?? []),
  ]);
}

const environmentFolder = `${hookPlaces.hooks}/environment.d`;

async function evaluate(
  elements: readonly Element[],
  env: Readonly<Record<string, string>>,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<Readonly<Record<string, string>>> {
  const printed = await runAfterEnvironment('env -0', [], [], elements, env, workshop, tools, world);
  const pairs = printed.split('\0').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Runs a script of bash in the environment that environment.d makes.
 * @returns What it printed.
 * @throws {StepError} `environment-failed`
 */
async function runAfterEnvironment(
  script: string,
  args: readonly string[],
  more: readonly Mount[],
  elements: readonly Element[],
  env: Readonly<Record<string, string>>,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<string> {
  const files = environmentFiles(elements);
  const mounts = files.map(
    ({name, path}) => ({kind: 'bind', at: `${environmentFolder}/${name}`, from: path, readOnly: true}) as const,
  );
  const outcome = await enter(
    {
      name: 'environment',
      root: tools.tree,
      mounts: [...mounts, ...more],
      network: 'none',
      ids: 'mapped',
      env,
      cwd: '/',
      argv: [
        'bash',
        '--norc', // as for hooks
        '-c',
        [
          'set -eu -o pipefail',
          'readonly trovestack_files=$1; shift',
          `for trovestack_file in "\${@:1:trovestack_files}"; do . "${environmentFolder}/$trovestack_file"; done >&2`,
          'shift "$trovestack_files"',
          script,
        ].join('\n'),
        'environment',
        String(files.length),
        ...files.map((f) => f.name),
        ...args,
      ],
    },
    workshop.sandboxes,
    {signal: world.signal},
  );
  if (outcome.exitCode !== 0) {
    throw new StepError('environment-failed', {
      files: files.map((f) => f.path).join(', '),
      outcome: describeEnd(outcome),
      output: lastLines(outcome.stderr, 15),
    });
  }
  return outcome.stdout;
}
