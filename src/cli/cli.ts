import {Command, type CommandOptions} from 'commander';
import type {World} from '../base/index.js';

/** What a command ends with: one value for programs, one text for people. Exactly one of them reaches stdout. */
export interface Answer {
  /** Printed as JSON with `--output json`. */
  readonly value: unknown;
  /** Printed otherwise; a newline is added unless it is empty. */
  readonly text: string;
  /** Default 0. For commands whose finding is a verdict, or that hand on another program's exit code. */
  readonly exitCode?: number;
}

/** What a command file needs to hang its command into the tree:
 *
 *     export function register(cli: Cli): void {
 *       cli.noun('image').command('build')
 *         .argument('<datastore[:version]>', 'what to build')
 *         .option('--series <series>', 'OpenStack series of the guest agent')
 *         .action(cli.act(async (world, datastore: string, options: {series?: string}) => {
 *           const {buildImage} = await import('../../workflows/build-image.js');
 *           …
 *           return {value: built, text: `built ${built.file}`};
 *         }));
 *     }
 *
 * `--output`, `--events`, `--quiet` and `--verbose` are added to every command afterwards, from one place.
 */
export interface Cli {
  readonly program: Command;
  /** The program with every noun's commands, whatever this run was asked for. */
  whole(): Promise<Command>;
  /** The command group of a noun (`image`, `devcloud`, …). */
  noun(name: string): Command;
  /** Wraps a command's act: makes its world, prints its answer, turns what it throws into words and an exit code. */
  act<A extends unknown[]>(handler: (world: World, ...args: A) => Promise<Answer>): (...args: A) => Promise<void>;
  /** As `act`, for commands that make sandboxes, or handle the files of the store's trees: an ordinary user's run goes on in
   * a user namespace of his, where it is as if root ran it. */
  actInNamespace<A extends unknown[]>(
    handler: (world: World, ...args: A) => Promise<Answer>,
  ): (...args: A) => Promise<void>;
}

/** The nouns, with what stands beside them in `--help`. */
const nouns: Readonly<Record<string, string>> = {
  image: 'build, prove, load and activate guest images',
  devcloud: 'a real OpenStack with Trove on this machine',
  key: 'what images are signed with, and whose signatures are believed',
  catalog: 'the datastores that images can be built for',
  element: 'the elements that images are built from',
  store: 'what builds have left, to be used again',
};

/** Finds or makes a noun's command group. */
export function nounCommand(program: Command, name: string, options?: CommandOptions): Command {
  const known = program.commands.find((command) => command.name() === name);
  if (known) return known;
  const group = program.command(name, options).description(nouns[name] ?? '');
  return group.helpCommand(false);
}

/** Options that every command has. */
export interface CommonOptions {
  readonly output: 'text' | 'json';
  readonly events?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Gives every command of the tree the common options. */
export function addCommonOptions(command: Command): void {
  for (const child of command.commands) addCommonOptions(child);
  if (command.commands.length > 0 || Object.hasOwn(nouns, command.name())) return;
  command
    .optionsGroup('Output:')
    .addOption(
      new Command()
        .createOption('--output <form>', 'the result on stdout: "text" or "json"')
        .choices(['text', 'json'])
        .default('text', 'text'),
    )
    .option('--events <file>', 'append what happens to a file, as JSON Lines')
    .option('--quiet', 'no progress, only warnings and errors')
    .option('--verbose', 'also what the programs print that are run');
}
