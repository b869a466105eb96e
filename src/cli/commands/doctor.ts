import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli.program
    .command('doctor')
    .description('what this machine can do, what it lacks, and how to mend it')
    .action(
      cli.act(async (world) => {
        const {checkHost} = await import('../../workflows/check-host.js');
        const findings = await checkHost(world);
        const marks = {good: 'good   ', poor: 'poor   ', missing: 'MISSING'};
        const lines = findings.flatMap(({name, state, found, next}) => [
          `${marks[state]}  ${name.padEnd(18)} ${found}`,
          ...(next ? [`${' '.repeat(28)} → ${next}`] : []),
        ]);
        const isFit = findings.every(({state}) => state !== 'missing');
        lines.push(isFit ? 'This machine can build and prove images' : 'This machine lacks what is marked MISSING');
        return {value: {isFit, findings}, text: lines.join('\n'), exitCode: isFit ? 0 : 4};
      }),
    );
}
