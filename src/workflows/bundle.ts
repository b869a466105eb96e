import {createReadStream, createWriteStream} from 'node:fs';
import {mkdir, open, readFile, readlink, rename, rm, stat, symlink} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {z} from 'zod';
import type {Deb} from '../archive/index.js';
import {
  compareCodePoints,
  readTar,
  type Sha256,
  sha256OfFile,
  systemErrorCode,
  type TarFile,
  UsageError,
  type World,
  writeTar,
} from '../base/index.js';
import type {Element} from '../element/index.js';
import {isGuest} from '../image/index.js';
import {parseLock, renderLock} from '../lock/index.js';
import {Store, storeError, type WorkFolder} from '../store/index.js';
import {BuildPackages, type LockChoices} from './build-packages.js';
import {type GuestRequest, readBlueprint} from './plan-image.js';
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
  environment: z.record(z.string(), z.string()),
});

/** Packs every input of a locked image into one file: the lock, elements, the catalogue's row, and all packages, those of the
 * tools root with them. Equal inputs give equal bytes.
 * @throws {UsageError} `no-lock`, `lock-differs`, `lock-outdated`, and as `planImage`
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
    environment: isGuest(definition) ? dibVariables(world) : {},
  });
  const catalogue = `datastores/${isGuest(definition) ? definition.purpose.datastore : ''}.yaml`;
  const texts = {
    'bundle.json': `${JSON.stringify(about, null, 2)}\n`,
    'lock.yaml': renderLock(lock),
    [catalogue]: await readFile(`${world.paths.home}/${catalogue}`, 'utf8'),
  };
  const debs = uniqueDebs([...lock.packages, ...lock.tools.packages]);
  const files = bundleFiles(
    texts,
    uniqueElements([...containerElements, ...elements]),
    debs,
    workshop.store.packages.folder,
  );
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

function dibVariables({env}: World): Record<string, string> {
  const entries = Object.entries(env).filter(
    ([name, value]) => /^DIB_\w+$/.test(name) && !/_MIRROR$/.test(name) && value !== undefined,
  );
  return Object.fromEntries(entries.sort(([a], [b]) => compareCodePoints(a, b))) as Record<string, string>;
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
  debs: readonly Deb[],
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
      const place = kind === 'link' ? 'links' : 'elements';
      yield textFile(`${place}/${name}/${path}`, text, isExecutable);
    }
  }
  for (const {sha256: digest, sizeBytes} of debs) {
    const content = createReadStream(`${packages}/${digest}`);
    yield {path: `packages/${digest}`, isExecutable: false, sizeBytes, content};
  }
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
  const store = await Store.open(world.paths.store);
  const work = await store.openWork();
  try {
    const home = await work.newFolder();
    const about = await unpack(file, home, store, work, world);
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

async function unpack(
  file: string,
  home: string,
  store: Store,
  work: WorkFolder,
  world: World,
): Promise<z.output<typeof bundleSchema>> {
  let about: z.output<typeof bundleSchema> | undefined;
  const refuse = (problem: string) => new UsageError('unusable-bundle', {file, problem});
  try {
    const handle = await open(file);
    await using stream = {input: handle.createReadStream(), [Symbol.asyncDispose]: () => handle.close()};
    for await (const entry of readTar(stream.input)) {
      world.signal.throwIfAborted();
      if (!isOurPath(entry.path)) throw refuse(`it has a file "${entry.path}", which no bundle has`);
      const digest = /^packages\/([0-9a-f]{64})$/.exec(entry.path)?.[1] as Sha256 | undefined;
      if (digest) await keepPackage(entry, digest, store, refuse);
      else await keepFile(entry, home, work);
      if (entry.path === 'bundle.json') about = parseAbout(await readFile(`${home}/bundle.json`, 'utf8'), refuse);
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse(error.message);
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path: file, what: 'bundle'});
    throw storeError(error, store.folder);
  }
  if (!about) throw refuse('it says nothing of itself: "bundle.json" is missing');
  await parseLock(`${file}:lock.yaml`, await readFile(`${home}/lock.yaml`, 'utf8'));
  return about;
}

function isOurPath(path: string): boolean {
  const isBelow = !path.split('/').some((part) => part === '..' || part === '.' || part === '');
  return isBelow && /^(bundle\.json$|lock\.yaml$|(datastores|elements|links|packages)\/)/.test(path);
}

function parseAbout(text: string, refuse: (problem: string) => UsageError): z.output<typeof bundleSchema> {
  const about = bundleSchema.safeParse(JSON.parse(text));
  if (!about.success) throw refuse(`its "bundle.json" is of another form: ${about.error.issues[0]?.message}`);
  return about.data;
}

async function keepPackage(
  {content, sizeBytes}: TarFile,
  digest: Sha256,
  {packages}: Store,
  refuse: (problem: string) => UsageError,
): Promise<void> {
  const part = packages.newPart();
  await pipeline(content, createWriteStream(part, {mode: 0o644}));
  if ((await sha256OfFile(part)) !== digest) {
    await rm(part);
    throw refuse(`its package ${digest} has another digest`);
  }
  await packages.keep(part, digest, sizeBytes);
}

/** Files of elements with their modes; links of elements as links. */
async function keepFile({path, isExecutable, content}: TarFile, home: string, work: WorkFolder): Promise<void> {
  const to = `${home}/${path.replace(/^links\//, 'elements/')}`;
  await mkdir(dirname(to), {recursive: true});
  if (path.startsWith('links/')) {
    const staged = await work.newFolder();
    await pipeline(content, createWriteStream(`${staged}/target`));
    await symlink(await readFile(`${staged}/target`, 'utf8'), to);
    return;
  }
  if (path.endsWith('/.bundled')) return;
  await pipeline(content, createWriteStream(to, {mode: isExecutable ? 0o755 : 0o644}));
}
