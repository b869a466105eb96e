/** User and password for one server, as HTTP's basic authentication has them. */
export interface Credentials {
  /** `https://git.example:8443` */
  readonly origin: string;
  readonly user: string;
  readonly password: string;
}

/** An address without the user and password that it names, and these. SSH's users are no secrets: what isn't HTTP stays as it is. */
export function separateCredentials(address: string): {readonly address: string; readonly credentials?: Credentials} {
  const [, scheme = '', login, host = '', rest = ''] =
    /^(https?:\/\/)([^/?#\s]*)@([^/?#@\s]*)(.*)$/is.exec(address) ?? [];
  if (login === undefined) return {address};
  const [user = '', ...password] = login.split(':');
  const credentials = {
    origin: originOf(`${scheme}${host}`),
    user: decoded(user),
    password: decoded(password.join(':')),
  };
  return {address: `${scheme}${host}${rest}`, credentials};
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text; // a lone "%" stands for itself
    throw error;
  }
}

/** Scheme, host and port of an address of HTTP's; what isn't one has none. */
function originOf(address: string): string {
  return (/^https?:\/\/[^/?#]+/i.exec(address)?.[0] ?? '').toLowerCase();
}

/** The variables with addresses of sources that hold no credentials, those that they held, and the names of the variables. */
export function separateFromVariables(variables: Readonly<Record<string, string>>): {
  readonly variables: Record<string, string>;
  readonly credentials: readonly Credentials[];
  readonly names: readonly string[];
} {
  const credentials: Credentials[] = [];
  const names: string[] = [];
  const entries = Object.entries(variables).map(([name, value]) => {
    const separated = /^DIB_(REPOLOCATION_\w+|GITREPOBASE)$/.test(name) ? separateCredentials(value) : {address: value};
    if (!separated.credentials) return [name, value] as const;
    credentials.push(separated.credentials);
    names.push(name);
    return [name, separated.address] as const;
  });
  return {variables: Object.fromEntries(entries), credentials, names};
}

/** What is to be told to the server of an address: the first of these credentials that are for it, else those of netrc.
 * @param netrc Text of `~/.netrc`.
 */
export function credentialsFor(address: string, known: readonly Credentials[], netrc: string): Credentials | undefined {
  const origin = originOf(address);
  if (origin === '') return undefined;
  const found = known.find((one) => one.origin === origin);
  if (found) return found;
  const {hostname} = new URL(origin);
  const entry = machinesIn(netrc).find(({machine}) => machine === hostname || machine === undefined);
  return entry && {origin, user: entry.user, password: entry.password};
}

/** An entry of netrc; without a machine it is the default. */
interface Machine {
  readonly machine?: string;
  readonly user: string;
  readonly password: string;
}

/** @see netrc(5) of inetutils; a macro goes on to the next empty line */
function machinesIn(netrc: string): Machine[] {
  const words = netrc
    .replace(/^[ \t]*macdef\b[\s\S]*?(?:\n[ \t]*\n|$(?![\s\S]))/gm, '')
    .replace(/^[ \t]*#.*$/gm, '')
    .match(/\S+/g);
  const machines: {machine?: string; user: string; password: string}[] = [];
  for (let i = 0; words && i < words.length; i++) {
    const [word, next = ''] = [words[i], words[i + 1]];
    if (word === 'default') machines.push({user: '', password: ''});
    else if (word === 'machine') machines.push({machine: next, user: '', password: ''});
    const last = machines.at(-1);
    if (word === 'login' && last) last.user = next;
    if (word === 'password' && last) last.password = next;
    if (word !== 'default') i++;
  }
  return machines;
}

/** The header by which HTTP's servers are told. */
export function authorization({user, password}: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Variables by which git tells servers, each its own; its configuration and its clones hold none of it. */
export function gitCredentialVariables(credentials: readonly Credentials[]): Record<string, string> {
  if (credentials.length === 0) return {};
  const byOrigin = [...new Map(credentials.map((one) => [one.origin, one])).values()];
  const pairs = byOrigin.flatMap((one, i) => [
    [`GIT_CONFIG_KEY_${i}`, `http.${one.origin}/.extraHeader`],
    [`GIT_CONFIG_VALUE_${i}`, `Authorization: ${authorization(one)}`],
  ]);
  return {GIT_CONFIG_COUNT: String(byOrigin.length), ...Object.fromEntries(pairs)};
}
