import {lstat, readdir, readFile, readlink} from 'node:fs/promises';
import {compareCodePoints, nearestNames, readFileIfThere, sha256, systemErrorCode, UsageError} from '../base/index.js';
import {type Element, type ElementFile, nativeElements} from './element.js';
import {parsePackageInstalls} from './package-installs.js';

/** Reads the named elements and all that they depend on.
 * @param searchPath Folders of elements; where two hold the same name, the first wins.
 * @throws {UsageError} `unknown-element`, `invalid-file`
 */
export async function readElements(names: readonly string[], searchPath: readonly string[]): Promise<Element[]> {
  const folders = await listElements(searchPath);
  const read = new Map<string, Element>();
  const waiting = names.map((name) => ({name, neededBy: 'the image definition'}));
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (read.has(next.name) || nativeElements.has(next.name)) continue;
    const folder = folders.get(next.name);
    if (!folder) {
      const nearest = nearestNames(next.name, folders.keys());
      throw new UsageError('unknown-element', {...next, nearest, searchPath});
    }
    const element = await readElement(next.name, folder);
    read.set(element.name, element);
    waiting.push(...element.dependencies.map((name) => ({name, neededBy: `element "${element.name}"`})));
  }
  return [...read.values()];
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
  const readme =
    (await readFileIfThere(`${folder}/README.md`)) ?? (await readFileIfThere(`${folder}/README.rst`)) ?? '';
  return {
    name,
    folder,
    summary: firstSentence(readme),
    dependencies: namesIn(await readFileIfThere(`${folder}/element-deps`)),
    provides: namesIn(await readFileIfThere(`${folder}/element-provides`)),
    files: await readFiles(folder, ''),
    packages: await readPackages(folder),
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
    if (!below && /^(README.*|tests|__pycache__)$/.test(entry.name)) continue;
    if (entry.isDirectory()) files.push(...(await readFiles(root, path)));
    else files.push(await readOne(root, path, entry.isSymbolicLink()));
  }
  return files.sort((a, b) => compareCodePoints(a.path, b.path));
}

async function readOne(root: string, path: string, isLink: boolean): Promise<ElementFile> {
  const full = `${root}/${path}`;
  if (isLink) return {path, kind: 'link', isExecutable: false, sha256: sha256(await readlink(full))};
  const {mode} = await lstat(full);
  return {path, kind: 'file', isExecutable: (mode & 0o100) !== 0, sha256: sha256(await readFile(full))};
}

async function readPackages(folder: string) {
  for (const name of ['package-installs.yaml', 'package-installs.json']) {
    const text = await readFileIfThere(`${folder}/${name}`);
    if (text !== undefined) return parsePackageInstalls(`${folder}/${name}`, text);
  }
  return [];
}
