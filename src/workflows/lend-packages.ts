import {chmod, mkdir, writeFile} from 'node:fs/promises';
import {
  type AptAnswer,
  type AptRequest,
  aptConfiguration,
  aptGetProgram,
  aptMethodProgram,
  aptPlace,
  type Deb,
} from '../archive/index.js';
import type {DebianMirrors, Sha256} from '../base/index.js';
import {type Mount, ownByNamespace, type Tree} from '../sandbox/index.js';
import {removeTree, storeError} from '../store/index.js';
import {type Absent, describeTrouble, type Found, type Trouble, troubleError} from './archive-answer.js';
import type {LockedIndexes} from './locked-indexes.js';
import type {PackageArchive} from './package-archive.js';
import {serve} from './package-socket.js';
import type {Workshop} from './workshop.js';

/** Packages for one sandbox: what is put into it so that its apt asks us, and what it took. */
export interface LentPackages extends AsyncDisposable {
  /** For a root whose apt is to ask us; `at` is where that root lies in the sandbox, empty for the sandbox's own. */
  mounts(at: string): Mount[];
  /** In place of the methods of a root whose apt is called by mmdebstrap. */
  methodMounts(): Mount[];
  /** An empty folder for apt's /var/cache/apt/archives: so that no layer has them. */
  readonly archives: string;
  /** Folder with an apt-get that goes before the real one, seen in the sandbox. */
  readonly programs: string;
  /** For programs in a root that `mounts` was for. */
  readonly env: Readonly<Record<string, string>>;
  /** The packages that were taken, with all that finds them again.
   * @param tools A root with apt and awk, to read indexes with.
   */
  taken(tools: Tree): Promise<Deb[]>;
  /** Why a request could not be answered, as an error; undefined when all were. A failure of this machine comes first. */
  trouble(doing: string): unknown;
}

/** How a lent archive looks to apt. */
export interface LendOptions {
  /** The addresses by which apt asks. */
  readonly mirrors: DebianMirrors | undefined;
  /** When given, apt sees these packages and no others. */
  readonly locked?: readonly Deb[];
  /** A root with dpkg-deb, to read locked packages with. */
  readonly tools: Tree;
}

/** Lends an archive to a sandbox. */
export async function lendPackages(
  archive: PackageArchive,
  {mirrors, locked, tools}: LendOptions,
  {work}: Workshop,
): Promise<LentPackages> {
  const folder = await work.newFolder();
  const archives = await work.newFolder();
  await mkdir(`${folder}/files`);
  await mkdir(`${folder}/bin`);
  await mkdir(`${archives}/partial`);
  for (const path of [archives, `${archives}/partial`]) await ownByNamespace(path);
  await writeFile(`${folder}/apt.conf`, aptConfiguration(locked === undefined));
  for (const [path, text] of [
    ['fetch', aptMethodProgram],
    ['bin/apt-get', aptGetProgram],
  ] as const) {
    await writeFile(`${folder}/${path}`, text);
    await chmod(`${folder}/${path}`, 0o755);
  }
  const made = locked && (await archive.lockedIndexes(locked, tools));
  const taken = new Map<Sha256, {file: {archive: string; path: string}; sizeBytes: number}>();
  let trouble: Trouble | undefined;
  let failure: unknown;
  const find = async (request: AptRequest): Promise<AptAnswer> => {
    const result = made ? await fromLock(request, made, archive, mirrors) : await archive.find(request, mirrors);
    if (result.kind !== 'found') {
      if (result.kind !== 'absent') trouble ??= result;
      return {kind: 'none', problem: describeTrouble(result)};
    }
    const file = archive.fileAt(request.address, mirrors);
    if (request.address.endsWith('.deb') && file) taken.set(result.sha256, {file, sizeBytes: result.sizeBytes});
    return {kind: 'file', file: result.sha256, sha256: result.sha256, sizeBytes: result.sizeBytes};
  };
  const {folder: files} = archive;
  const answer = async (request: AptRequest): Promise<AptAnswer> => {
    try {
      return await find(request);
    } catch (error) {
      failure ??= storeError(error, files);
      return {kind: 'none', problem: error instanceof Error ? error.message : String(error)};
    }
  };
  const server = await serve(folder, answer);
  return {
    mounts: (at) => [
      {kind: 'bind', at: `${at}${aptPlace}`, from: folder, readOnly: true},
      {kind: 'bind', at: `${at}${aptPlace}/files`, from: files, readOnly: true},
    ],
    // The method for https is a link to that for http.
    methodMounts: () => [{kind: 'bind', at: '/usr/lib/apt/methods/http', from: `${folder}/fetch`, readOnly: true}],
    archives,
    programs: `${aptPlace}/bin`,
    env: {APT_CONFIG: `${aptPlace}/apt.conf`},
    taken: async (root) => {
      const byDigest = new Map(locked?.map((deb) => [deb.sha256, deb]));
      const known = [...taken.keys()].flatMap((digest) => byDigest.get(digest) ?? []);
      return locked ? known : await archive.describe(taken, root);
    },
    trouble: (doing) => failure ?? (trouble && troubleError(trouble, doing)),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await removeTree(archives);
    },
  };
}

async function fromLock(
  request: AptRequest,
  made: LockedIndexes,
  archive: PackageArchive,
  mirrors: DebianMirrors | undefined,
): Promise<Found | Absent> {
  const file = archive.fileAt(request.address, mirrors);
  const [, suite, name] = /^dists\/(.+)\/(InRelease|Release|Release\.gpg)$/.exec(file?.path ?? '') ?? [];
  if (file && suite && name) {
    return name === 'Release' ? made.release(file.archive, suite) : {kind: 'absent'};
  }
  return (request.sha256 && made.files.get(request.sha256)) || {kind: 'absent'};
}
