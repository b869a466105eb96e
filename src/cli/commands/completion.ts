import type {Command} from 'commander';
import {UsageError} from '../../base/index.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli.program
    .command('completion')
    .argument('[shell]', 'bash or zsh', 'bash')
    .description('print the completion of a shell, to be sourced: eval "$(trovestack completion)"')
    .action(
      cli.act(async (_world, shell: string) => {
        if (shell !== 'bash' && shell !== 'zsh') {
          throw new UsageError('bad-argument', {argument: `shell "${shell}"`, problem: 'there are bash and zsh'});
        }
        const text = completionScript(wordsByPrefix(await cli.whole()), shell);
        return {value: {shell, script: text}, text};
      }),
    );
}

/** What may follow each prefix of command words: `''` → nouns, `'image'` → verbs, `'image build'` → options. */
function wordsByPrefix(command: Command, prefix: readonly string[] = []): Map<string, readonly string[]> {
  const words = new Map<string, readonly string[]>();
  const options = command.options.map((option) => option.long ?? option.short ?? '').filter(Boolean);
  words.set(prefix.join(' '), [...command.commands.map((child) => child.name()), ...options, '--help']);
  for (const child of command.commands) {
    for (const [key, value] of wordsByPrefix(child, [...prefix, child.name()])) words.set(key, value);
  }
  return words;
}

function completionScript(words: ReadonlyMap<string, readonly string[]>, shell: 'bash' | 'zsh'): string {
  const cases = [...words].map(([prefix, following]) => `    '${prefix}') words='${following.join(' ')}' ;;`);
  return [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_trovestack() {',
    "  local prefix='' word words=''",
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case $word in -*) ;; *) prefix="${prefix:+$prefix }$word" ;; esac',
    '  done',
    '  case $prefix in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '  [ "${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _trovestack trovestack ./trovestack',
  ].join('\n');
}
