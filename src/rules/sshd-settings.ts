/** Which logins a configuration of sshd allows, one line each with the file that says so. The first value of a keyword counts, and
 * where there is none sshd's own default.
 * @param text Of a file, by its absolute path.
 * @param files Paths below `/etc/ssh`.
 * @see sshd_config(5) of OpenSSH 10: Include, Match, PasswordAuthentication, KbdInteractiveAuthentication, UsePAM, PermitRootLogin
 */
export function loginsOfSshd(
  text: (path: string) => string | undefined,
  files: readonly string[],
): {readonly path: string; readonly allows: string}[] {
  const settings = settingsIn(mainFile, text, files, false);
  const first = (keyword: string) =>
    settings.find((setting) => setting.keyword === keyword && !setting.isConditional) ?? {
      path: mainFile,
      value: yesByDefault.has(keyword) ? 'yes' : 'no',
    };
  const asksByPam = first('usepam').value === 'yes';
  const keywords = [...allowed.keys()].filter((keyword) => keyword !== byKeyboard || asksByPam);
  const always = keywords.map((keyword) => ({...first(keyword), keyword}));
  const sometimes = settings.filter(({keyword, isConditional}) => isConditional && allowed.has(keyword));
  return [...always, ...sometimes].flatMap(({path, keyword, value}) =>
    value === 'yes' ? [{path, allows: allowed.get(keyword) ?? ''}] : [],
  );
}

const mainFile = '/etc/ssh/sshd_config';
const byKeyboard = 'kbdinteractiveauthentication';

/** What a "yes" allows. */
const allowed = new Map([
  ['passwordauthentication', 'logins by password'],
  [byKeyboard, 'logins by password, asked for by PAM'],
  ['permitrootlogin', 'logins as root, by password too'],
  ['permitemptypasswords', 'logins without a password'],
]);

const yesByDefault = new Set(['passwordauthentication', byKeyboard]);

const aliases = new Map([['challengeresponseauthentication', byKeyboard]]);

interface Setting {
  readonly path: string;
  /** In lower case. */
  readonly keyword: string;
  readonly value: string;
  /** In a Match block. */
  readonly isConditional: boolean;
}

/** @param depth sshd follows 16 files that include each other. */
function settingsIn(
  path: string,
  text: (path: string) => string | undefined,
  files: readonly string[],
  isMatched: boolean,
  depth = 0,
): Setting[] {
  const found: Setting[] = [];
  let isConditional = isMatched; // an included file's Match ends with the file
  for (const line of (text(path) ?? '').split('\n')) {
    const [, written = '', rest = ''] = /^\s*([A-Za-z]\w*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    const keyword = aliases.get(written.toLowerCase()) ?? written.toLowerCase();
    const values = [...rest.matchAll(/"([^"]*)"|([^\s"#]+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    if (keyword === 'match') isConditional = values[0]?.toLowerCase() !== 'all';
    else if (keyword === 'include' && depth < 16) {
      for (const one of includedBy(values, files))
        found.push(...settingsIn(one, text, files, isConditional, depth + 1));
    } else if (keyword !== '') found.push({path, keyword, value: (values[0] ?? '').toLowerCase(), isConditional});
  }
  return found;
}

function includedBy(patterns: readonly string[], files: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const absolute = pattern.startsWith('/') ? pattern : `/etc/ssh/${pattern}`;
    const parts = absolute.split(/([*?])/).map((part) => ({'*': '[^/]*', '?': '[^/]'})[part] ?? escaped(part));
    const matching = new RegExp(`^${parts.join('')}$`);
    return files.filter((path) => matching.test(path)).sort();
  });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
