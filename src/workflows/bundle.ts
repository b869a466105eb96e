import {createReadStream, createWriteStream} from 'node:fs';
import {mkdir, open, readFile, readlink, rename, rm, stat, symlink} from 'node:fs/promises';
import {dirname, posix, resolve} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {z} from 'zod';
import type {Deb} from '../archive/index.js';
import {
  compareCodePoints,
  readFileIfThere,
  readTar,
  type Sha256,
  sha256OfFile,
  systemErrorCode,
  type TarFile,
  UsageError,
  type World,
  writeTar,
} from '../base/index.js';
import {type Element, separateFromVariables} from '../element/index.js';
import {isGuest} from '../image/index.js';
import {type Lock, parseLock, renderLock} from '../lock/index.js';
import {Store, storeError} from '../store/index.js';
import {BuildPackages, type LockChoices} from './build-packages.js';
import {dibVariables, type GuestRequest, readBlueprint} from './read-blueprint.js';
import {openWorkshop} from './workshop.js';

export type BundleRequest = GuestRequest &
  Pick<LockChoices, 'lockFile' | 'offline'> & {
    /** Default: named after the image, in the current folder. */
    readonly bundleFile?: string;
  };

export interface MadeBundle {
  readonly file: string;
  readonly image: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly packages: number;
}

/** What a bundle says of itself, in its first file. */
const bundleSchema = z.strictObject({
  format: z.literal(1),
  request: z.strictObject({
    datastore: z.string(),
    series: z.string().optional(),
    distribution: z.string().optional(),
    release: z.string().optional(),
    architecture: z.string().optional(),
    elements: z.array(z.string()).optional(),
    kernelArguments: z.array(z.string()).optional(),
  }),
  /** The `DIB_*` variables that the lock was made with. */
  environment: z.record(z.string().regex(/^DIB_\w+$/), z.string()),
});

/** Packs every input of a locked image into one file: the lock, elements, the catalogue's row, and all packages, those of the
 * tools root with them. Equal inputs give equal bytes.
 * @throws {UsageError} `bad-argument` for an element with a link that leads out of it, `no-lock`, `lock-differs`, `lock-outdated`, and as `planImage`
 * @throws {HostError} `mirror-unreachable`, `not-at-hand`, `disk-full`
 */
export async function bundleImage(request: BundleRequest, world: World): Promise<MadeBundle> {
  const blueprint = await readBlueprint(request, world);
  const {definition, elements, containerElements} = blueprint;
  const file = resolve(request.bundleFile ?? `${definition.name}.bundle.tar`);
  const lockFile = resolve(request.lockFile ?? `${definition.name}.lock.yaml`);
  await using workshop = await openWorkshop(world);
  const choices = {lockFile, locked: true, offline: request.offline ?? false};
  await using packages = await BuildPackages.open(blueprint, choices, lockFile, workshop, world);
  const lock = await packages.fetchLocked();
  const about = bundleSchema.parse({
    format: 1,
    request: requestOf(request),
    environment: isGuest(definition) ? sortedByName(separateFromVariables(dibVariables(world.env)).variables) : {},
  });
  warnOfVariables(Object.keys(about.environment), file, world);
  warnOfRepositories(lock, file, world);
  const catalogue = `datastores/${isGuest(definition) ? definition.purpose.datastore : ''}.yaml`;
  const texts = {
    'bundle.json': `${JSON.stringify(about, null, 2)}\n`,
    'lock.yaml': renderLock(lock),
    [catalogue]: await readFile(`${world.paths.home}/${catalogue}`, 'utf8'),
  };
  const debs = uniqueDebs([...lock.packages, ...lock.tools.packages]);
  const {folder} = workshop.store.packages;
  const fetched = [...debs, ...(await packages.sources.lockedFiles(lock))];
  const files = bundleFiles(texts, uniqueElements([...containerElements, ...elements]), fetched, folder);
  const part = `${file}.part`;
  try {
    await mkdir(dirname(file), {recursive: true});
    await pipeline(writeTar(files), createWriteStream(part), {signal: world.signal});
    await rename(part, file);
  } catch (error) {
    await rm(part, {force: true});
    throw storeError(error, file);
  }
  const {size} = await stat(file);
  return {file, image: definition.name, sha256: await sha256OfFile(file), sizeBytes: size, packages: debs.length};
}

function requestOf({datastore, version, ...request}: BundleRequest): z.output<typeof bundleSchema>['request'] {
  const {series, distribution, release, architecture, elements = [], kernelArguments = []} = request;
  return {
    datastore: version === undefined ? datastore : `${datastore}:${version}`,
    ...(series === undefined ? {} : {series}),
    ...(distribution === undefined ? {} : {distribution}),
    ...(release === undefined ? {} : {release}),
    ...(architecture === undefined ? {} : {architecture}),
    elements: [...elements],
    kernelArguments: [...kernelArguments],
  };
}

function sortedByName(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).sort(([a], [b]) => compareCodePoints(a, b)));
}

/** They may be passwords, and a bundle is made to be handed on. */
function warnOfVariables(names: readonly string[], file: string, world: World): void {
  if (names.length === 0) return;
  world.emit({type: 'warning', text: `"${file}" holds the values of ${names.join(', ')} as plain text`});
}

function warnOfRepositories({sources = []}: Lock, file: string, world: World): void {
  const names = sources.filter(({type}) => type === 'git').map(({name}) => name);
  if (names.length === 0) return;
  const text = `"${file}" holds no repositories of git: ${names.join(', ')} will be fetched where the image is built, or be in its store`;
  world.emit({type: 'warning', text});
}

function uniqueDebs(debs: readonly Deb[]): Deb[] {
  const unique = [...new Map(debs.map((deb) => [deb.sha256, deb])).values()];
  return unique.sort((a, b) => compareCodePoints(a.sha256, b.sha256));
}

function uniqueElements(elements: readonly Element[]): Element[] {
  const unique = [...new Map(elements.map((element) => [element.name, element])).values()];
  return unique.sort((a, b) => compareCodePoints(a.name, b.name));
}

async function* bundleFiles(
  texts: Readonly<Record<string, string>>,
  elements: readonly Element[],
  debs: readonly Pick<Deb, 'sha256' | 'sizeBytes'>[],
  packages: string,
): AsyncGenerator<TarFile> {
  for (const [path, text] of Object.entries(texts)) yield textFile(path, text);
  for (const {name, folder, files} of elements) {
    // An element without files is a folder all the same.
    yield textFile(`elements/${name}/.bundled`, '');
    for (const {path, kind, isExecutable} of files) {
      if (path === '.bundled') continue;
      const from = `${folder}/${path}`;
      const text = kind === 'link' ? await readlink(from) : await readFile(from);
      if (kind === 'link' && !staysWithin(path, String(text))) {
        const problem = `its link "${path}" leads to "${text}", out of the element`;
        const next = 'put the file itself in its place, or make the link in a hook';
        throw new UsageError('bad-argument', {argument: `the element "${name}" in a bundle`, problem, next});
      }
      const place = kind === 'link' ? 'links' : 'elements';
      yield textFile(`${place}/${name}/${path}`, text, isExecutable);
    }
  }
  for (const {sha256: digest, sizeBytes} of debs) {
    const content = createReadStream(`${packages}/${digest}`);
    yield {path: `packages/${digest}`, isExecutable: false, sizeBytes, content};
  }
}

/** Whether a link can't lead out of its element: ".." only at the start, where it is within real folders.
 * @param path Of the link, in its element.
 */
function staysWithin(path: string, target: string): boolean {
  const isPlain = target !== '' && !target.startsWith('/') && !target.includes('\0');
  const rest = target.replace(/^(\.{1,2}(\/+|$))+/, '');
  const place = posix.join(dirname(path), target);
  return isPlain && !rest.split('/').includes('..') && place !== '..' && !place.startsWith('../');
}

function textFile(path: string, text: string | Uint8Array, isExecutable = false): TarFile {
  const content = Buffer.from(text);
  return {path, isExecutable, sizeBytes: content.length, content: [content]};
}

/** A bundle's inputs, at hand: the request that it was made for, and the world to build it in. */
export interface OpenedBundle extends AsyncDisposable {
  readonly request: GuestRequest & LockChoices;
  readonly world: World;
}

/** Unpacks a bundle: packages into the store, all else into a folder that disposing removes.
 * @throws {UsageError} `file-not-found`, `unusable-bundle`
 * @throws {HostError} `disk-full`
 */
export async function openBundle(file: string, world: World): Promise<OpenedBundle> {
  const store = await Store.open(world.paths.store, world.emit);
  const work = await store.openWork(world.signal);
  try {
    const home = await work.newFolder();
    const about = await unpack(file, home, store, world);
    const env = Object.fromEntries(Object.entries(world.env).filter(([name]) => !/^(DIB_|ELEMENTS_PATH$)/.test(name)));
    const {elements, kernelArguments, ...request} = about.request;
    return {
      request: {
        kind: 'datastore',
        ...withoutUndefined(request),
        ...(elements ? {elements} : {}),
        ...(kernelArguments ? {kernelArguments} : {}),
        lockFile: `${home}/lock.yaml`,
        locked: true,
      },
      world: {...world, env: {...env, ...about.environment}, paths: {...world.paths, home}},
      [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
    };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

function withoutUndefined<T extends object>(value: T): {[K in keyof T]: Exclude<T[K], undefined>} {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

async function unpack(file: string, home: string, store: Store, world: World): Promise<z.output<typeof bundleSchema>> {
  let about: z.output<typeof bundleSchema> | undefined;
  const refuse = (problem: string) => new UsageError('unusable-bundle', {file, problem});
  const links: Link[] = [];
  try {
    const handle = await open(file);
    await using stream = {input: handle.createReadStream(), [Symbol.asyncDispose]: () => handle.close()};
    for await (const entry of readTar(stream.input)) {
      world.signal.throwIfAborted();
      if (!isOurPath(entry.path)) throw refuse(`it has a file "${entry.path}", which no bundle has`);
      const digest = /^packages\/([0-9a-f]{64})$/.exec(entry.path)?.[1] as Sha256 | undefined;
      if (digest) await keepPackage(entry, digest, store, refuse);
      else if (entry.path.startsWith('links/')) links.push(await readLink(entry, refuse));
      else await keepFile(entry, home, refuse);
      if (entry.path === 'bundle.json') about = parseAbout(await readFile(`${home}/bundle.json`, 'utf8'), refuse);
    }
    await makeLinks(links, home, refuse);
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse(error.message);
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path: file, what: 'bundle'});
    throw storeError(error, store.folder);
  }
  if (!about) throw refuse('it says nothing of itself: "bundle.json" is missing');
  const lock = await readFileIfThere(`${home}/lock.yaml`);
  if (lock === undefined) throw refuse('it has no lock: "lock.yaml" is missing');
  await parseLock(`${file}:lock.yaml`, lock);
  return about;
}

function isOurPath(path: string): boolean {
  const isBelow = !path.split('/').some((part) => part === '..' || part === '.' || part === '');
  return isBelow && /^(bundle\.json$|lock\.yaml$|(datastores|packages)\/|(elements|links)\/[^/]+\/)/.test(path);
}

function parseAbout(text: string, refuse: Refuse): z.output<typeof bundleSchema> {
  const about = bundleSchema.safeParse(JSON.parse(text));
  if (!about.success) throw refuse(`its "bundle.json" is of another form: ${about.error.issues[0]?.message}`);
  return about.data;
}

async function keepPackage(
  {content, sizeBytes}: TarFile,
  digest: Sha256,
  {packages}: Store,
  refuse: Refuse,
): Promise<void> {
  const part = packages.newPart();
  await pipeline(content, createWriteStream(part, {mode: 0o644}));
  if ((await sha256OfFile(part)) !== digest) {
    await rm(part);
    throw refuse(`its package ${digest} has another digest`);
  }
  await packages.keep(part, digest, sizeBytes);
}

/** Files of elements with their modes. There are no links yet: what is written here is written below `home`. */
async function keepFile({path, isExecutable, content}: TarFile, home: string, refuse: Refuse): Promise<void> {
  const to = `${home}/${path}`;
  await makeWithin(path, refuse, () => mkdir(dirname(to), {recursive: true}));
  if (path.endsWith('/.bundled')) return;
  const mode = isExecutable ? 0o755 : 0o644;
  await makeWithin(path, refuse, () => pipeline(content, createWriteStream(to, {mode, flags: 'wx'})));
}

type Refuse = (problem: string) => UsageError;

/** A link of an element. */
interface Link {
  /** `elements/NAME/…` */
  readonly path: string;
  readonly target: string;
}

/** The longest path that Linux takes. */
const longestTarget = 4095;

async function readLink({path, sizeBytes, content}: TarFile, refuse: Refuse): Promise<Link> {
  const [, name = '', inElement = ''] = /^links\/([^/]+)\/(.+)$/.exec(path) ?? [];
  if (sizeBytes > longestTarget) throw refuse(`its link "${path}" is too long`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  const target = Buffer.concat(chunks).toString('utf8');
  if (!staysWithin(inElement, target)) throw refuse(`its link "${path}" leads out of the element`);
  return {path: `elements/${name}/${inElement}`, target};
}

/** Makes all links once their folders are there, so that none is made through another. */
async function makeLinks(links: readonly Link[], home: string, refuse: Refuse): Promise<void> {
  for (const {path} of links) {
    await makeWithin(path, refuse, () => mkdir(dirname(`${home}/${path}`), {recursive: true}));
  }
  for (const {path, target} of links) await makeWithin(path, refuse, () => symlink(target, `${home}/${path}`));
}

async function makeWithin(path: string, refuse: Refuse, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    throw refuse(`it has "${path}" twice, or as a file and a folder`);
  }
}
