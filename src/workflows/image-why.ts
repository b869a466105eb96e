import {readFileWithin, UsageError, type World} from '../base/index.js';
import {
  contentOrigins,
  type DebianPackage,
  dependencyChain,
  dependencyGraph,
  elementOf,
  entriesByPath,
  folderOf,
  type ImageContent,
  type PathWriter,
  packageId,
  packageOwners,
  parseAutomatic,
  parseDpkgStatus,
  parseList,
  pathInContainer,
  resolveFolders,
  type SizeShare,
  type StepLayer,
  sizesBy,
  stepLayer,
  type TreeEntry,
  totalBytes,
  writersOf,
} from '../inspection/index.js';
import {readInventory, type Store} from '../store/index.js';
import {findImage, lastImage} from './find-image.js';
import {type ImageRecord, readImageRecords, type TreeRecord} from './image-record.js';
import {readImage} from './read-image.js';
import {openWorkshop} from './workshop.js';

/** Where something in an image came from. */
export type Explanation = ExplainedPath | ExplainedPackage | ExplainedSize;

interface Common {
  readonly image: string;
  /** What can't be told, and why, in words. */
  readonly notes: readonly string[];
}

export interface ExplainedPath extends Common {
  readonly kind: 'path';
  readonly entry: TreeEntry;
  /** By dpkg's lists. */
  readonly packages: readonly string[];
  /** The last one first; absent when the build's steps aren't known. */
  readonly writers?: readonly Writer[];
}

export interface Writer extends PathWriter {
  /** Absent for steps of the engine itself. */
  readonly element?: string;
}

export interface ExplainedPackage extends Common {
  readonly kind: 'package';
  readonly package: DebianPackage;
  readonly isAutomatic: boolean;
  /** Elements that ask for it by name in their package lists. */
  readonly requestedBy: readonly string[];
  /** From a package that was asked for to this one. */
  readonly chain?: readonly string[];
  /** Packages that depend on it. */
  readonly neededBy: readonly string[];
  /** Steps that installed it or changed its version, the last one first. */
  readonly steps?: readonly {readonly step: string; readonly version: string; readonly element?: string}[];
}

export interface ExplainedSize extends Common {
  readonly kind: 'size';
  readonly totalBytes: number;
  readonly packages: readonly SizeShare[];
  readonly folders: readonly SizeShare[];
  /** Absent when the build's steps aren't known. */
  readonly elements?: readonly SizeShare[];
  readonly steps?: readonly SizeShare[];
}

/** Says where a path, a package or the size of an image came from.
 * @param what `/PATH`, `package:NAME` or `size`
 * @param image A file, or a name of one in the store; default: the one that was built last.
 * @throws {UsageError} `bad-argument`, `unknown-build`, `not-in-image`
 */
export async function imageWhy(what: string, image: string | undefined, world: World): Promise<Explanation> {
  const question = parseQuestion(what);
  await using workshop = await openWorkshop(world);
  const {store} = workshop;
  const named = image === undefined ? await lastImage(store) : await findImage(image, store);
  const {content, sha256} = await readImage(named.disk, workshop, world);
  const record = (await readImageRecords(store)).find(({outputs}) =>
    outputs.some((output) => output.sha256 === sha256),
  );
  const subject: Subject = {name: record?.image ?? named.name, content, ...(await historyOf(record, store))};
  switch (question.kind) {
    case 'path':
      return await explainPath(question.path, subject);
    case 'package':
      return await explainPackage(question.name, subject, store);
    case 'size':
      return await explainSize(subject);
  }
}

type Question =
  | {readonly kind: 'path'; readonly path: string}
  | {readonly kind: 'package'; readonly name: string}
  | {readonly kind: 'size'};

function parseQuestion(what: string): Question {
  if (what === 'size') return {kind: 'size'};
  const name = /^package:([a-z0-9][a-z0-9.+-]*)$/.exec(what)?.[1];
  if (name !== undefined) return {kind: 'package', name};
  if (what.startsWith('/')) return {kind: 'path', path: what.replace(/(?<=.)\/+$/, '')};
  throw new UsageError('bad-argument', {
    argument: `"${what}"`,
    problem: 'neither an absolute path, nor "package:NAME", nor "size"',
    next: 'trovestack image why --help',
  });
}

interface Subject {
  readonly name: string;
  readonly content: ImageContent;
  /** Of the image's build, as far as the store knows it. */
  readonly history?: {readonly record: ImageRecord; readonly trees: ReadonlyMap<TreeRecord['kind'], KnownTree>};
  readonly notes: readonly string[];
}

interface KnownTree {
  readonly record: TreeRecord;
  /** In the order of the steps. */
  readonly layers: readonly StepLayer[];
}

/** The steps' changes, from their inventories. */
async function historyOf(record: ImageRecord | undefined, store: Store): Promise<Pick<Subject, 'history' | 'notes'>> {
  if (!record) return {notes: ["it wasn't built with this store: which step wrote what isn't known"]};
  const trees = new Map<TreeRecord['kind'], KnownTree>();
  const missing: string[] = [];
  for (const tree of record.trees) {
    const layers: StepLayer[] = [];
    for (const {id, key} of tree.steps) {
      const inventory = await readInventory(`${store.folder}/steps/${key}`);
      if (inventory === undefined) missing.push(id);
      else layers.push(stepLayer(id, parseList(inventory)));
    }
    trees.set(tree.kind, {record: tree, layers});
  }
  if (missing.length === 0) return {history: {record, trees}, notes: []};
  const gone = `${missing.length} steps' results are gone from the store (${missing.slice(0, 3).join(', ')}…)`;
  return {notes: [`${gone}: build the image again to see which step wrote what`]};
}

/** The layers that a path of the image came with, and its path there. */
function layersFor(
  path: string,
  subject: Subject,
): {readonly layers: readonly StepLayer[]; readonly path: string} | undefined {
  const {trees} = subject.history ?? {};
  const root = trees?.get('root');
  if (!trees || !root) return undefined;
  const contained = pathInContainer(path);
  const container = trees.get('container');
  if (contained && container) return {layers: container.layers, path: contained};
  return {layers: root.layers, path};
}

const assembly = 'the assembly of the disk';

function explainPath(asked: string, subject: Subject): ExplainedPath {
  const {content, name, notes} = subject;
  const entries = entriesByPath(content.listing);
  const path = entries.has(asked) ? asked : resolveFolders(asked, entries);
  const entry = entries.get(path);
  if (!entry) {
    const gone = pathHistory(path, undefined, subject);
    const removed = gone?.find(({act}) => act === 'removed');
    const problem = removed ? `step ${removed.step} removed it` : 'no step made it';
    throw new UsageError('not-in-image', {what: `"${asked}"`, image: name, ...(gone ? {problem} : {})});
  }
  const writers = pathHistory(path, entry, subject);
  const packages = packageOwners(content.texts, entries).get(path) ?? [];
  return {kind: 'path', image: name, notes, entry, packages, ...(writers ? {writers} : {})};
}

function pathHistory(path: string, entry: TreeEntry | undefined, subject: Subject): Writer[] | undefined {
  const known = layersFor(path, subject);
  if (!known) return undefined;
  const writers = writersOf(known.path, known.layers).map(withElement);
  const last = [...known.layers].reverse().flatMap(({entries}) => entries.get(known.path) ?? [])[0];
  const isAssembled = entry !== undefined && (!last || last.sha256 !== entry.sha256);
  if (!isAssembled) return writers;
  return [{step: assembly, act: last ? 'changed' : 'made', differences: last ? ['content'] : []}, ...writers];
}

function withElement(writer: PathWriter): Writer {
  const element = elementOf(writer.step);
  return element === undefined ? writer : {...writer, element};
}

async function explainPackage(name: string, subject: Subject, store: Store): Promise<ExplainedPackage> {
  const {content, history, notes} = subject;
  const packages = parseDpkgStatus(content.texts['/var/lib/dpkg/status'] ?? '');
  const found = packages.find((item) => item.name === name);
  if (!found) throw new UsageError('not-in-image', {what: `package "${name}"`, image: subject.name});
  const automatic = parseAutomatic(content.texts['/var/lib/apt/extended_states'] ?? '');
  const requests = history?.record.trees.find(({kind}) => kind === 'root')?.requests ?? [];
  const graph = dependencyGraph(packages);
  const asked = packages.filter((item) => !automatic.has(packageId(item))).map((item) => item.name);
  const chain = dependencyChain(graph, asked, name);
  const steps = history && (await packageSteps(name, history.trees.get('root'), store));
  return {
    kind: 'package',
    image: subject.name,
    notes,
    package: found,
    isAutomatic: automatic.has(packageId(found)),
    requestedBy: [...new Set(requests.filter((r) => r.package === name).map(({element}) => element))],
    ...(chain ? {chain} : {}),
    neededBy: [...graph].filter(([, needed]) => needed.includes(name)).map(([other]) => other),
    ...(steps ? {steps} : {}),
  };
}

/** The steps after which dpkg's status has another version of a package than before. */
export async function packageSteps(
  name: string,
  tree: KnownTree | undefined,
  store: Pick<Store, 'folder'>,
): Promise<ExplainedPackage['steps']> {
  const found: {step: string; version: string; element?: string}[] = [];
  for (const [i, layer] of (tree?.layers ?? []).entries()) {
    if (!layer.entries.has('/var/lib/dpkg/status')) continue;
    const key = tree?.record.steps[i]?.key ?? '';
    const status = await readFileWithin(`${store.folder}/steps/${key}/target/tree`, 'var/lib/dpkg/status');
    if (status === undefined) continue; // removed, or a link
    const version = parseDpkgStatus(status).find((item) => item.name === name)?.version;
    if (version === undefined || version === found[0]?.version) continue;
    const element = elementOf(layer.step);
    found.unshift({step: layer.step, version, ...(element === undefined ? {} : {element})});
  }
  return found;
}

function explainSize(subject: Subject): ExplainedSize {
  const {content, name, notes, history} = subject;
  const {listing} = content;
  const owners = packageOwners(content.texts, entriesByPath(listing));
  const origins = history && originsOf(listing, history.trees);
  return {
    kind: 'size',
    image: name,
    notes,
    totalBytes: totalBytes(listing),
    packages: sizesBy(listing, (path) => owners.get(path)?.[0] ?? ''),
    folders: sizesBy(listing, (path) => folderOf(path, 2)),
    ...(origins
      ? {
          steps: sizesBy(listing, (path) => origins.get(path) ?? assembly),
          elements: sizesBy(listing, (path) => elementOf(origins.get(path) ?? '') || 'the engine'),
        }
      : {}),
  };
}

function originsOf(
  listing: ImageContent['listing'],
  trees: ReadonlyMap<TreeRecord['kind'], KnownTree>,
): ReadonlyMap<string, string> {
  const origins = new Map(contentOrigins(listing, trees.get('root')?.layers ?? [], assembly));
  const container = trees.get('container');
  if (!container) return origins;
  const contained = listing.flatMap((entry) => {
    const path = pathInContainer(entry.path);
    return path === undefined ? [] : [{outer: entry.path, entry: {...entry, path}}];
  });
  const inner = contentOrigins(
    contained.map(({entry}) => entry),
    container.layers,
    'engine/container',
  );
  for (const {outer, entry} of contained) origins.set(outer, inner.get(entry.path) ?? 'engine/container');
  return origins;
}
