import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli.program
    .command('test')
    .description('run the tests: checks, unit, integration on the real tools, end to end')
    .option('--all', 'also the tests that take long')
    .option('--only <part>', 'one part: checks, unit, integration, e2e, long')
    .option('--empty-store', 'start from a store of its own, removed afterwards')
    .action(
      cli.act(async (world, options: {all?: boolean; only?: string; emptyStore?: boolean}) => {
        const {runTests} = await import('../../workflows/run-tests.js');
        return {value: null, text: '', exitCode: await runTests(options, world)};
      }),
    );
}
