import {StepError, type World} from '../base/index.js';
import type {Step} from '../plan/index.js';
import {enterInteractively, type SandboxSpec, type Tree} from '../sandbox/index.js';
import type {BuildConditions, Workshop} from './workshop.js';

type ShellAt = NonNullable<BuildConditions['shellAt']>;

/** Parses `STEP`, `STEP:before` and `STEP:after`. */
export function parseShellAt(text: string): ShellAt {
  const [, step = text, moment = 'before'] = /^(.*):(before|after)$/.exec(text) ?? [];
  return {step, moment: moment as ShellAt['moment']};
}

/** Opens a shell when one was asked for at this moment of this step.
 * @throws {StepError} `ended-in-shell`
 * @throws {UsageError} `no-terminal`
 */
export async function openAskedShell(
  step: Step,
  moment: ShellAt['moment'],
  spec: SandboxSpec,
  asked: readonly ShellAt[],
  workshop: Workshop,
  world: World,
): Promise<void> {
  if (!asked.some((at) => at.step === step.id && at.moment === moment)) return;
  const exitCode = await openShell(step, moment, spec, workshop, world);
  if (exitCode !== 0) throw new StepError('ended-in-shell', {step: step.id, exitCode});
}

/** Opens an interactive bash in a step's sandbox: the same mounts and environment. Nothing that is done in it is kept.
 * @returns Its exit code.
 * @throws {UsageError} `no-terminal`
 */
export async function openShell(
  step: Step,
  moment: ShellAt['moment'],
  spec: SandboxSpec,
  workshop: Workshop,
  world: World,
): Promise<number | null> {
  const where = `${moment} ${step.id}`;
  world.emit({
    type: 'note',
    text: `a shell ${where}: "exit" goes on, "exit 1" stops; nothing that is done in it is kept`,
  });
  return enterInteractively(shellSpec(spec, moment, where), workshop.sandboxes);
}

/** The same world for a shell. Pure. */
export function shellSpec(spec: SandboxSpec, moment: ShellAt['moment'], where: string): SandboxSpec {
  const forShell = (tree: Tree) => treeForShell(tree, moment);
  return {
    ...spec,
    root: forShell(spec.root),
    mounts: spec.mounts.map((mount) => (mount.kind === 'tree' ? {...mount, tree: forShell(mount.tree)} : mount)),
    env: {...spec.env, TERM: 'linux', PS1: `[${where}] \\w # `},
    argv: ['bash', '--norc', '-i'],
  };
}

/** What a step changed is below the shell's own changes, which are discarded. */
function treeForShell({layers, changes}: Tree, moment: ShellAt['moment']): Tree {
  if (typeof changes === 'string') return {layers, changes};
  return {layers: moment === 'after' ? [`${changes.keptIn}/tree`, ...layers] : layers, changes: 'discarded'};
}
