import {realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Command, CommanderError} from 'commander';
import {type Environment, formatJson, Interrupted, pathsFrom, type World} from '../base/index.js';
import {createReporter, type Reporter, renderError} from '../report/index.js';
import {version} from '../workflows/program-version.js';
import {type Answer, addCommonOptions, type Cli, type CommonOptions, nounCommand} from './cli.js';
import {registerCommands} from './commands/index.js';
import {withDibMode} from './dib-mode.js';

/** Runs one command line.
 * @param argv Without the interpreter and the script.
 * @returns The exit code: 0, or that of the error's class.
 */
export async function main(argv: readonly string[], env: Environment = process.env): Promise<number> {
  // A reader that went away (a pager, tee after Ctrl-C) must not stop the clean-up: what can't be printed is lost, no more.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.umask(0o022); // sandboxes pass the store's folders with ids that own nothing there
  const session = new Session(env);
  const words = withDibMode(argv);
  const program = await buildProgram(session, nounsAskedFor(words));
  try {
    await program.parseAsync(words, {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return session.exitCode;
}

/** The nouns of a command line are the first words of it that are no options: `image build`, `help image`. */
function nounsAskedFor(words: readonly string[]): (noun: string) => boolean {
  const first = words.filter((word) => !word.startsWith('-')).slice(0, 2);
  return (noun) => first.includes(noun);
}

/** The tree of commands; also what the reference page and the completion are made from.
 * @param isWanted Which nouns get their commands; by default all.
 */
export async function buildProgram(session: Session, isWanted = (_noun: string) => true): Promise<Command> {
  const program = new Command('trovestack')
    .description('From guest image elements to a proven Trove database instance')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      outputError: (text, write) => write(`error bad-usage: ${sentence(text)}\n  next     trovestack --help\n`),
    })
    .addHelpText('after', helpTail);
  const cli: Cli = {
    program,
    whole: () => buildProgram(session),
    noun: (name) => nounCommand(program, name),
    act: (handler) => session.act(handler),
    actInNamespace: (handler) => session.actInNamespace(handler),
  };
  await registerCommands(cli, isWanted);
  addCommonOptions(program);
  inheritSettings(program);
  return program;
}

const helpTail = `
Start here:
  trovestack quickstart                  the whole story, on an OpenStack of its own
  trovestack image build mariadb         only the guest image
  trovestack doctor                      what this machine can do, and what it lacks`;

/** Commander's own texts in our form: "error: unknown command 'x'" becomes "Unknown command 'x'". */
function sentence(text: string): string {
  const plain = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\n/g, ' ')
    .replace(/\.$/, '');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}

/** One run of the program: where things are, who is told, and how it ended. */
export class Session {
  exitCode = 0;
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  act<A extends unknown[]>(handler: (world: World, ...args: A) => Promise<Answer>): (...args: A) => Promise<void> {
    return async (...args) => {
      const options = commonOptions(args);
      this.exitCode = await this.#perform((world) => handler(world, ...args), options);
    };
  }

  actInNamespace<A extends unknown[]>(
    handler: (world: World, ...args: A) => Promise<Answer>,
  ): (...args: A) => Promise<void> {
    const act = this.act(handler);
    return async (...args) => {
      const {needsOwnNamespace, runInOwnNamespace} = await import('../sandbox/index.js');
      if (!needsOwnNamespace()) return await act(...args);
      try {
        this.exitCode = await runInOwnNamespace(process.argv.slice(1));
      } catch (error) {
        this.exitCode = await this.#fail(error, commonOptions(args));
      }
    };
  }

  async #perform(work: (world: World) => Promise<Answer>, options: CommonOptions): Promise<number> {
    let reporter: Reporter | undefined;
    using interruption = onInterruption((name) => reporter?.emit({type: 'note', text: `${name}: cleaning up …`}));
    try {
      reporter = reporterFor(options);
      const world: World = {
        emit: reporter.emit,
        signal: interruption.signal,
        env: this.#env,
        paths: pathsFrom(this.#env, homeFolder()),
      };
      const answer = await work(world);
      reporter.close();
      await print(options.output === 'json' ? formatJson(answer.value, 2) : this.#asTyped(answer.text));
      return answer.exitCode ?? 0;
    } catch (thrown) {
      reporter?.close();
      return await this.#fail(interruption.signal.aborted ? interruption.signal.reason : thrown, options);
    }
  }

  async #fail(error: unknown, options: CommonOptions): Promise<number> {
    const rendered = renderError(error, {color: process.stderr.isTTY === true, stack: options.verbose === true});
    process.stderr.write(`${this.#asTyped(rendered.text)}\n`);
    if (options.output === 'json') await print(formatJson({error: rendered.value}, 2));
    return rendered.exitCode;
  }

  /** Commands to type next, with the program's name as it was typed (`./trovestack`). */
  #asTyped(text: string): string {
    const name = this.#env.TROVESTACK_INVOKED_AS;
    return name ? text.replace(/(?<![\w./-])trovestack (?=[a-z])/g, () => `${name} `) : text;
  }
}

function commonOptions(args: readonly unknown[]): CommonOptions {
  const command = args.at(-1);
  return (command instanceof Command ? command.opts() : {output: 'text'}) as CommonOptions;
}

function reporterFor(options: CommonOptions): Reporter {
  return createReporter({
    verbosity: options.quiet ? 'quiet' : options.verbose ? 'verbose' : 'normal',
    terminal: process.stderr,
    ...(options.events === undefined ? {} : {eventsFile: options.events}),
  });
}

/** Turns the first SIGINT, SIGTERM or SIGHUP into an abort; further ones change nothing, since the clean-up is under way. */
function onInterruption(tell: (signalName: string) => void): Disposable & {readonly signal: AbortSignal} {
  const controller = new AbortController();
  const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const handle = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) return;
    tell(name);
    controller.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, handle);
    },
  };
}

/** The folder that holds elements/ and datastores/: two above the compiled program. */
function homeFolder(): string {
  return realpathSync(join(dirname(fileURLToPath(import.meta.url)), '..', '..'));
}

async function print(text: string): Promise<void> {
  if (text === '') return;
  await new Promise<void>((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
}
