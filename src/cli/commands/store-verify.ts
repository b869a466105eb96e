import type {VerifiedStore} from '../../workflows/store-verify.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('store')
    .command('verify')
    .description('compare every result with what it held when it was new; exit code 1 when one is damaged')
    .option('--repair', 'remove what is damaged and what was made on it, so that the next build makes it anew')
    .action(
      cli.actInNamespace(async (world, options: {repair?: true}) => {
        const {storeVerify} = await import('../../workflows/store-verify.js');
        const verified = await storeVerify(options.repair === true, world);
        const isMended = verified.damaged.every(({isRemoved}) => isRemoved);
        return {value: verified, text: textOf(verified), exitCode: isMended ? 0 : 1};
      }),
    );
}

const shownProblems = 5;

function textOf({checked, unchecked, damaged}: VerifiedStore): string {
  const lines = damaged.flatMap(({kind, what, folder, problems, isRemoved, keptBy}) => [
    `damaged ${kind}: ${what}${isRemoved ? ' (removed)' : ''}${keptBy ? ` (kept: ${keptBy} stands on it; end that first)` : ''}`,
    `  folder  ${folder}`,
    ...problems.slice(0, shownProblems).map((problem) => `  ${problem}`),
    ...(problems.length > shownProblems ? [`  … and ${problems.length - shownProblems} more`] : []),
  ]);
  const isLeft = damaged.some(({isRemoved}) => !isRemoved);
  return [
    ...lines,
    `${checked} results checked, ${damaged.length} damaged${unchecked > 0 ? `, ${unchecked} without an inventory to check by` : ''}`,
    ...(isLeft ? ['  next    trovestack store verify --repair'] : []),
  ].join('\n');
}
