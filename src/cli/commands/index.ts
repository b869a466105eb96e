import type {Cli} from '../cli.js';

/** Every command, in the order of `--help`. */
const commands: readonly ((cli: Cli) => void)[] = [];

export function registerCommands(cli: Cli): void {
  for (const register of commands) register(cli);
}
