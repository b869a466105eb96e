import {exitCodes} from '../../base/index.js';
import type {Diagnosis} from '../../guest/index.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli.program
    .command('diagnose')
    .description('say what kept a guest from serving, by its saved console')
    .argument('<console>', 'text of its serial console ("openstack console log show"), or "-" for standard input')
    .addHelpText('after', help)
    .action(
      cli.act(async (_world, file: string) => {
        const {diagnoseConsole} = await import('../../workflows/diagnose-console.js');
        const diagnosis = await diagnoseConsole(file);
        return {value: diagnosis, text: textOf(diagnosis), exitCode: diagnosis.serves ? 0 : exitCodes.step};
      }),
    );
}

const help = `
  openstack console log show INSTANCE | trovestack diagnose -

Exit code 3 when the database did not come up. Kinds of causes: docs/reference/verdicts.md.`;

function textOf({milestones, cause}: Diagnosis): string {
  const head = cause ? `${cause.kind}: ${cause.detail}` : 'serves: the database came up';
  const reached = milestones.map(({name, atMs}) => `  ${(atMs / 1000).toFixed(1).padStart(6)} s  ${name}`);
  return [head, ...(cause ? [`  remedy   ${cause.remedy}`] : []), ...reached].join('\n');
}
