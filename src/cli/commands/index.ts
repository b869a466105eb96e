import type {Cli} from '../cli.js';
import {register as completion} from './completion.js';
import {register as doctor} from './doctor.js';
import {register as test} from './test.js';

/** Every command, in the order of `--help`. */
const commands: readonly ((cli: Cli) => void)[] = [doctor, test, completion];

export function registerCommands(cli: Cli): void {
  for (const register of commands) register(cli);
}
