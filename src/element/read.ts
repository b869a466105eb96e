import {lstat, readdir, readFile, readlink} from 'node:fs/promises';
import {compareCodePoints, nearestNames, readFileIfThere, sha256, systemErrorCode, UsageError} from '../base/index.js';
import {type Element, type ElementFile, nativeElements} from './element.js';
import {parseElementFile} from './element-file.js';
import {
  type PackageRequest,
  packagePhases,
  parseFirstPackageInstalls,
  parsePackageInstalls,
} from './package-installs.js';
import {parsePackageMap} from './package-map.js';

/** Reads the named elements and all that they depend on.
 * @param searchPath Folders of elements; where two hold the same name, the first wins.
 * @throws {UsageError} `unknown-element`, `bad-element-name`, `invalid-file`
 */
export async function readElements(names: readonly string[], searchPath: readonly string[]): Promise<Element[]> {
  const folders = await listElements(searchPath);
  const read = new Map<string, Element>();
  const missing: {readonly name: string; readonly neededBy: string}[] = [];
  const waiting = names.map((name) => ({name, neededBy: 'the image definition'}));
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (!isElementName(next.name)) throw new UsageError('bad-element-name', next);
    if (read.has(next.name)) continue;
    const folder = folders.get(next.name);
    if (folder === undefined && !nativeElements.has(next.name)) {
      missing.push(next);
      continue;
    }
    const element = folder === undefined ? emptyElement(next.name) : await readElement(next.name, folder);
    read.set(element.name, element);
    waiting.push(...element.dependencies.map((name) => ({name, neededBy: `element "${element.name}"`})));
  }
  // What another one provides need not be there itself.
  const provided = new Set([...read.values()].flatMap(({provides}) => provides));
  const unknown = missing.find(({name}) => !provided.has(name));
  if (unknown) {
    throw new UsageError('unknown-element', {
      ...unknown,
      nearest: nearestNames(unknown.name, folders.keys()),
      searchPath,
    });
  }
  return [...read.values()];
}

function isElementName(name: string): boolean {
  return /^[0-9A-Za-z_][0-9A-Za-z_.+-]*$/.test(name);
}

function emptyElement(name: string): Element {
  return {name, folder: '', summary: '', dependencies: [], provides: [], files: [], packages: []};
}

/** The folders of all elements that the search path holds, by name. */
export async function listElements(searchPath: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const place of searchPath) {
    for (const entry of await foldersIn(place)) if (!found.has(entry)) found.set(entry, `${place}/${entry}`);
  }
  return found;
}

async function foldersIn(place: string): Promise<string[]> {
  try {
    const entries = await readdir(place, {withFileTypes: true});
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path: place, what: 'elements'});
    throw error;
  }
}

export async function readElement(name: string, folder: string): Promise<Element> {
  const files = await readFiles(folder, '');
  const packageMap = await readFileIfThere(`${folder}/pkg-map`);
  const settings = await readFileIfThere(`${folder}/element.yaml`);
  const readme =
    (await readFileIfThere(`${folder}/README.md`)) ?? (await readFileIfThere(`${folder}/README.rst`)) ?? '';
  return {
    name,
    folder,
    summary: firstSentence(readme),
    dependencies: namesIn(await readFileIfThere(`${folder}/element-deps`)),
    provides: namesIn(await readFileIfThere(`${folder}/element-provides`)),
    files,
    packages: await readPackages(folder, files),
    ...(packageMap === undefined ? {} : {packageMap: await parsePackageMap(`${folder}/pkg-map`, packageMap)}),
    ...(settings === undefined ? {} : {settings: await parseElementFile(`${folder}/element.yaml`, settings)}),
  };
}

function firstSentence(readme: string): string {
  const lines = readme.split('\n').map((line) => line.trim());
  const start = lines.findIndex(
    (line) => /^[A-Za-z`]/.test(line) && !/^[=#-]+$/.test(lines[lines.indexOf(line) + 1] ?? ''),
  );
  if (start < 0) return '';
  const end = lines.indexOf('', start);
  const paragraph = lines.slice(start, end < 0 ? undefined : end).join(' ');
  return /^.*?[.:](?= |$)/.exec(paragraph)?.[0] ?? paragraph;
}

/** Stripped lines with text; the format has no comments. */
function namesIn(text: string | undefined): string[] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

async function readFiles(root: string, below: string): Promise<ElementFile[]> {
  const files: ElementFile[] = [];
  for (const entry of await readdir(`${root}/${below}`, {withFileTypes: true})) {
    const path = below ? `${below}/${entry.name}` : entry.name;
    if (!below && /^(README.*|element\.yaml|tests|__pycache__)$/.test(entry.name)) continue;
    if (entry.isDirectory()) files.push(...(await readFiles(root, path)));
    else files.push(await readOne(root, path, entry.isSymbolicLink()));
  }
  return files.sort((a, b) => compareCodePoints(a.path, b.path));
}

async function readOne(root: string, path: string, isLink: boolean): Promise<ElementFile> {
  const full = `${root}/${path}`;
  if (isLink) {
    const target = await readlink(full);
    return {path, kind: 'link', isExecutable: false, sha256: sha256(target), isProgram: false, readsHooks: false};
  }
  const [{mode}, content] = await Promise.all([lstat(full), readFile(full)]);
  return {
    path,
    kind: 'file',
    isExecutable: (mode & 0o100) !== 0,
    sha256: sha256(content),
    isProgram: content.subarray(0, 2).toString('latin1') === '#!' || isBinary(content),
    readsHooks: isBinary(content) || namesHooksFolder.test(content.toString('latin1')),
  };
}

function isBinary(content: Buffer): boolean {
  return content.subarray(0, 4).toString('latin1') === '\x7fELF';
}

/** The ways in which a program finds the folder of all hooks: by a variable or path of the contract, or from where it is. */
const namesHooksFolder =
  /TMP_(?:HOOKS_PATH|BUILD_DIR)|in_target\.d|\$\{?0\b|BASH_SOURCE|__file__|argv\[0\]|image_element_array|IMAGE_ELEMENT|ELEMENTS_PATH/;

async function readPackages(folder: string, files: readonly ElementFile[]): Promise<PackageRequest[]> {
  const requests: PackageRequest[] = [];
  for (const name of ['package-installs.yaml', 'package-installs.json']) {
    const text = await readFileIfThere(`${folder}/${name}`);
    if (text !== undefined) requests.push(...(await parsePackageInstalls(`${folder}/${name}`, text)));
  }
  for (const phase of packagePhases) {
    for (const {path} of files.filter((file) => file.path.startsWith(`${phase}/package-installs-`))) {
      requests.push(...parseFirstPackageInstalls(phase, await readFile(`${folder}/${path}`, 'utf8')));
    }
  }
  return requests;
}
