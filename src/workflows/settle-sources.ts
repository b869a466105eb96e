import {describeEnd, HostError, lastLines, type Sha256, UsageError, type World} from '../base/index.js';
import {type Credentials, gitCredentialVariables, type Source} from '../element/index.js';
import type {LockedSource} from '../lock/index.js';
import {enter} from '../sandbox/index.js';
import type {PackageArchive} from './package-archive.js';
import {proxies, resolverMounts, type ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** What a source is now: a commit of git, or the digest of a file, which is in the store then. A source whose content no name
 * can hold is told with a warning, and left to the hook: a ref of git that stands for many, an address that isn't HTTP's.
 * @param access For the server of the source.
 * @throws {HostError} `source-unreachable`
 */
export async function pinSource(
  source: Source,
  access: Credentials | undefined,
  archive: PackageArchive,
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<LockedSource | undefined> {
  const {name, type, location, ref} = source;
  const leave = (why: string) => {
    world.emit({type: 'warning', text: `No lock can hold the source "${name}" (${location}): ${why}`});
    return undefined;
  };
  if (type === 'git') {
    if (ref === '*') return leave('it is wanted with all its branches');
    const pin = /^[0-9a-f]{40}$/.test(ref) ? ref : await commitOf(source, access, workshop, tools, world);
    return pin === undefined ? leave(`it has no branch or tag "${ref}"`) : {...source, pin};
  }
  if (!/^(https?|file):\/\//.test(location)) return leave('its address is neither of HTTP nor of a file');
  const found = await archive.fetchFile(location, undefined, access);
  if (found.kind === 'found') return {name, type, location, ...(ref === '' ? {} : {ref}), pin: found.sha256};
  if (found.kind === 'offline') throw new HostError('not-at-hand', {files: [`${name} (${location})`]});
  throw new HostError('source-unreachable', {name, location, problem: found.problem});
}

/** The commit of a ref, chosen among equal names as git does it. */
async function commitOf(
  {name, location, ref}: Source,
  access: Credentials | undefined,
  {sandboxes}: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<string | undefined> {
  const outcome = await enter(
    {
      name: 'sources',
      root: tools.tree,
      mounts: await resolverMounts(),
      network: 'host',
      ids: 'mapped',
      env: {
        ...proxies(world),
        ...gitCredentialVariables(access ? [access] : []),
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/root',
        LC_ALL: 'C.UTF-8',
        GIT_TERMINAL_PROMPT: '0',
      },
      cwd: '/',
      argv: ['git', 'ls-remote', '--', location, ref, `${ref}^{}`],
    },
    sandboxes,
    {signal: world.signal, timeoutMs: lsRemoteTimeoutMs},
  );
  if (outcome.exitCode !== 0) {
    const problem = lastLines(outcome.stderr, 3).trim() || describeEnd(outcome);
    throw new HostError('source-unreachable', {name, location, problem});
  }
  return chooseCommit(outcome.stdout, ref);
}

const lsRemoteTimeoutMs = 2 * 60_000;

/** @param listed By `git ls-remote`, which also lists refs that only end in the name. */
export function chooseCommit(listed: string, ref: string): string | undefined {
  const commits = new Map(
    listed.split('\n').flatMap((line): [string, string][] => {
      const [commit, name] = line.split('\t');
      return commit && name ? [[name, commit]] : [];
    }),
  );
  const names = [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`];
  const found = names.find((name) => commits.has(name)) ?? '';
  return commits.get(`${found}^{}`) ?? commits.get(found);
}

/** What a hook that fetches sources is given, so that it takes what was pinned: variables, and files of the store. Its git is told
 * users and passwords for their servers alone.
 */
export async function lendSources(
  sources: readonly LockedSource[],
  accessTo: (location: string) => Promise<Credentials | undefined>,
  archive: PackageArchive,
  lockFile: string,
): Promise<{
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly {readonly at: string; readonly from: string}[];
  readonly sizes: {readonly sha256: Sha256; readonly sizeBytes: number}[];
}> {
  const env: Record<string, string> = {};
  const files: {at: string; from: string}[] = [];
  const sizes: {sha256: Sha256; sizeBytes: number}[] = [];
  const credentials: Credentials[] = [];
  for (const {name, type, location, pin} of sources) {
    const id = name.replace(/[^A-Za-z0-9]/g, '_');
    const access = await accessTo(location);
    if (type === 'git') {
      if (!archive.isOnline) throw new HostError('not-at-hand', {files: [`${name} (commit ${pin} of ${location})`]});
      env[`DIB_REPOREF_${id}`] = pin;
      env[`DIB_REPOLOCATION_${id}`] = location;
      if (access) credentials.push(access);
      continue;
    }
    const found = await archive.fetchFile(location, pin as Sha256, access);
    if (found.kind === 'moved' || found.kind === 'altered') {
      throw new UsageError('source-moved', {file: lockFile, name, location, pin});
    }
    if (found.kind === 'offline') throw new HostError('not-at-hand', {files: [`${name} (${location})`]});
    if (found.kind !== 'found') throw new HostError('source-unreachable', {name, location, problem: found.problem});
    const at = `${sourcesPlace}/${id}`;
    env[`DIB_REPOLOCATION_${id}`] = `file://${at}`;
    files.push({at, from: `${archive.folder}/${found.sha256}`});
    sizes.push({sha256: found.sha256, sizeBytes: found.sizeBytes});
  }
  return {env: {...env, ...gitCredentialVariables(credentials)}, files, sizes};
}

const sourcesPlace = '/tmp/trovestack-sources';

/** The error for a hook that didn't find a commit; undefined when it failed for another reason. */
export function goneSource(
  printed: string,
  sources: readonly LockedSource[],
  lockFile: string,
): UsageError | undefined {
  const [, commit] = /^Failed to find reference to ([0-9a-f]{40})$/m.exec(printed) ?? [];
  const source = sources.find(({pin}) => pin === commit);
  return source && new UsageError('source-moved', {file: lockFile, ...source});
}
