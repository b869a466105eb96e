import {UsageError} from '../../base/index.js';
import type {Cli} from '../cli.js';
import {nameOption} from '../devcloud-text.js';

interface Options {
  readonly name: string;
  readonly follow?: boolean;
  readonly lines: string;
}

export function register(cli: Cli): void {
  cli
    .noun('devcloud')
    .command('logs')
    .description("the logs of a devcloud's services")
    .argument('[service]', 'only this one')
    .addOption(nameOption())
    .option('--follow', 'go on with what is written, until Ctrl-C')
    .option('--lines <count>', 'how many of the last lines', '50')
    .action(
      cli.act(async (world, service: string | undefined, options: Options) => {
        const {devcloudLogs} = await import('../../workflows/devcloud-logs.js');
        const request = {name: options.name, follow: options.follow === true, lines: count(options.lines)};
        await devcloudLogs({...request, ...(service === undefined ? {} : {service})}, world);
        return {value: request, text: ''};
      }),
    );
}

function count(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError('bad-argument', {argument: `--lines "${text}"`, problem: 'it has to be a whole number'});
}
