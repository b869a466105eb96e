import {describeEnd, lastLines, StepError, type World} from '../base/index.js';
import {type Element, environmentFiles} from '../element/index.js';
import {enter} from '../sandbox/index.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** The variables with what the elements' environment.d makes of them. */
export async function evaluatedEnvironment(
  elements: readonly Element[],
  variables: Readonly<Record<string, string>>,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<Readonly<Record<string, string | undefined>>> {
  const files = environmentFiles(elements);
  if (files.length === 0) return variables;
  const mounts = files.map(
    ({name, path}) => ({kind: 'bind', at: `/tmp/env/${name}`, from: path, readOnly: true}) as const,
  );
  const outcome = await enter(
    {
      name: 'environment',
      root: tools.tree,
      mounts,
      network: 'none',
      ids: 'mapped',
      env: {...variables, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'},
      cwd: '/',
      argv: [
        'bash',
        '--norc', // as for hooks
        '-c',
        'set -eu -o pipefail; for f; do . "/tmp/env/$f"; done >&2; env -0',
        'env',
        ...files.map((f) => f.name),
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
  const pairs = outcome.stdout.split('\0').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
