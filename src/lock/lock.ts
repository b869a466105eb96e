import type {ArchiveState, Deb} from '../archive/index.js';
import {
  canonicalJson,
  compareCodePoints,
  type DebianMirrors,
  parseShape,
  parseYaml,
  type Sha256,
  sha256,
  throwProblems,
} from '../base/index.js';
import {lockSchema, type WrittenLock} from './schema.js';

/** The state of an archive for one release. */
export interface ReleaseState extends ArchiveState {
  readonly release: string;
}

/** What an image is to be made from, beside packages: asked for by a person, and read from elements. */
export interface LockSubject {
  readonly image: string;
  readonly series?: string;
  readonly definition: Sha256;
  readonly elements: Readonly<Record<string, Sha256>>;
}

/** A source of the element source-repositories as it was. */
export interface LockedSource {
  readonly name: string;
  readonly type: 'git' | 'tar' | 'file';
  readonly location: string;
  readonly ref?: string;
  /** git: the commit; else the sha256 of the file. */
  readonly pin: string;
}

/** What an image is made from: every package file and element by its digest. */
export interface Lock {
  readonly subject: LockSubject;
  readonly mirrors?: DebianMirrors;
  readonly archive: ReleaseState;
  readonly packages: readonly Deb[];
  /** In order of names. */
  readonly sources?: readonly LockedSource[];
  readonly tools: {
    readonly identity: Sha256;
    readonly archive: ReleaseState;
    readonly packages: readonly Deb[];
  };
}

/** Parses a lock file.
 * @throws {UsageError} `invalid-file` with every problem's place; also when the checksum tells that it was edited or cut.
 */
export async function parseLock(path: string, text: string): Promise<Lock> {
  const yaml = await parseYaml(path, text);
  const written = parseShape('lock', yaml, lockSchema);
  const {checksum, ...content} = written;
  if (checksum !== sha256(canonicalJson(content))) {
    const message = 'The checksum is not that of the file: it was edited, or two versions of it were merged';
    throwProblems('lock', yaml, [yaml.problemAt(['checksum'], message)]);
  }
  return lockOf(written);
}

/** The text of a lock file: a package a line, so that a diff of two tells what moved. */
export function renderLock(lock: Lock): string {
  const {subject, archive, tools} = lock;
  const content = {
    format: 1 as const,
    ...subject,
    ...(lock.mirrors ? {mirrors: lock.mirrors} : {}),
    archive: writtenState(archive),
    packages: writtenDebs(lock.packages),
    ...(lock.sources?.length ? {sources: lock.sources.map(writtenSource)} : {}),
    tools: {
      identity: tools.identity,
      archive: writtenState(tools.archive),
      packages: writtenDebs(tools.packages),
    },
  };
  const lines = (values: readonly object[], indent: string) =>
    values.length === 0 ? ' []' : `\n${values.map((value) => `${indent}- ${flow(value)}`).join('\n')}`;
  const state = ({release, suites}: typeof content.archive, indent: string) =>
    `\n${indent}release: ${quoted(release)}\n${indent}suites:${lines(suites, `${indent}  `)}`;
  const members = (record: Readonly<Record<string, unknown>>) =>
    Object.entries(record)
      .map(([name, value]) => `\n  ${name}: ${quoted(value)}`)
      .join('') || ' {}';
  return `# Every package file, source and element of this image by its digest. Made by trovestack; "--update" moves it.
format: 1
image: ${quoted(content.image)}
${content.series === undefined ? '' : `series: ${quoted(content.series)}\n`}definition: ${content.definition}
elements:${members(content.elements)}
${content.mirrors ? `mirrors:${members({...content.mirrors})}\n` : ''}archive:${state(content.archive, '  ')}
packages:${lines(content.packages, '  ')}
${content.sources ? `sources:${lines(content.sources, '  ')}\n` : ''}tools:
  identity: ${content.tools.identity}
  archive:${state(content.tools.archive, '    ')}
  packages:${lines(content.tools.packages, '    ')}
checksum: ${sha256(canonicalJson(content))}
`;
}

function flow(value: object): string {
  const members = Object.entries(value).flatMap(([name, member]) =>
    member === undefined ? [] : [`${name}: ${quoted(member)}`],
  );
  return `{${members.join(', ')}}`;
}

/** Digests as they are, all other text in quotes: versions such as 1.10 are no numbers. */
function quoted(value: unknown): string {
  if (
    typeof value === 'string' &&
    /^[0-9a-f]*[a-f][0-9a-f]*$/.test(value) &&
    value.length === 64 &&
    !/^\d+e\d+$/.test(value)
  ) {
    return value;
  }
  return JSON.stringify(value);
}

function writtenState({release, suites}: ReleaseState): WrittenLock['archive'] {
  return {
    release,
    suites: suites.map(({archive, suite, sha256: digest, date}) => ({
      archive,
      suite,
      date: `${new Date(date * 1000).toISOString().slice(0, 19)}Z`,
      sha256: digest,
    })),
  };
}

function writtenDebs(debs: readonly Deb[]): WrittenLock['packages'] {
  return [...debs].sort(compareDebs).map(({sizeBytes, archive, suite, component, priority, ...deb}) => ({
    name: deb.name,
    version: deb.version,
    architecture: deb.architecture,
    ...(priority === undefined ? {} : {priority}),
    size: sizeBytes,
    sha256: deb.sha256,
    from: `${archive} ${suite} ${component}`,
    path: deb.path,
  }));
}

function writtenSource({name, type, location, ref, pin}: LockedSource): LockedSource {
  return {name, type, location, ...(ref === undefined ? {} : {ref}), pin};
}

function compareDebs(a: Deb, b: Deb): number {
  return (
    compareCodePoints(a.name, b.name) ||
    compareCodePoints(a.architecture, b.architecture) ||
    compareCodePoints(a.version, b.version) ||
    compareCodePoints(a.sha256, b.sha256)
  );
}

function lockOf(written: WrittenLock): Lock {
  const {image, series, definition, elements, mirrors, sources, tools} = written;
  return {
    subject: {
      image,
      ...(series === undefined ? {} : {series}),
      definition: definition as Sha256,
      elements: elements as Record<string, Sha256>,
    },
    ...(mirrors ? {mirrors} : {}),
    archive: stateOf(written.archive),
    packages: written.packages.map(debOf),
    ...(sources ? {sources: sources.map(({ref, ...rest}) => ({...rest, ...(ref === undefined ? {} : {ref})}))} : {}),
    tools: {
      identity: tools.identity as Sha256,
      archive: stateOf(tools.archive),
      packages: tools.packages.map(debOf),
    },
  };
}

function stateOf({release, suites}: WrittenLock['archive']): ReleaseState {
  return {
    release,
    suites: suites.map(({archive, suite, sha256: digest, date}) => ({
      archive,
      suite,
      sha256: digest as Sha256,
      date: Date.parse(date) / 1000,
    })),
  };
}

function debOf({size, from, priority, ...deb}: WrittenLock['packages'][number]): Deb {
  const [archive = '', suite = '', component = ''] = from.split(' ');
  return {
    ...deb,
    ...(priority === undefined ? {} : {priority}),
    sha256: deb.sha256 as Sha256,
    sizeBytes: size,
    archive,
    suite,
    component,
  };
}
