import {mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {sha256, type World, writeTar} from '../base/index.js';
import {renderLock} from '../lock/index.js';
import {openBundle} from './bundle.js';

const archive = {release: 'trixie', suites: []};
const lock = renderLock({
  subject: {image: 'mariadb-11.8', series: '2025.1', definition: sha256('d'), elements: {}},
  archive,
  packages: [],
  tools: {identity: sha256('t'), archive, packages: []},
});

function about(environment: Readonly<Record<string, string>>): string {
  return JSON.stringify({format: 1, request: {datastore: 'mariadb'}, environment});
}

describe('a bundle', () => {
  let folder = '';
  let world: World;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bundle-'));
    await mkdir(join(folder, 'outside'));
    const paths = {
      home: folder,
      store: join(folder, 'store'),
      state: join(folder, 'state'),
      data: join(folder, 'data'),
    };
    world = {emit: () => {}, signal: new AbortController().signal, env: {DIB_OURS: '1'}, paths};
  });
  afterEach(() => rm(folder, {recursive: true}));

  async function bundle(files: readonly (readonly [path: string, text: string])[]): Promise<string> {
    const entries = files.map(([path, text]) => {
      const content = Buffer.from(text);
      return {path, isExecutable: false, sizeBytes: content.length, content: [content]};
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeTar(entries)) chunks.push(chunk);
    const file = join(folder, 'x.bundle.tar');
    await writeFile(file, Buffer.concat(chunks));
    return file;
  }

  const head = [
    ['bundle.json', about({DIB_THEIRS: '2'})],
    ['lock.yaml', lock],
  ] as const;

  async function problemOf(files: Parameters<typeof bundle>[0]): Promise<string> {
    const file = await bundle(files);
    const problem = await openBundle(file, world).then(
      () => 'none',
      (error: Error) => error.message,
    );
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    return problem;
  }

  test('gives its elements with their links, and its variables in place of ours', async () => {
    const file = await bundle([...head, ['links/x/install.d/10-link', '../bin/real'], ['elements/x/bin/real', 'text']]);
    await using opened = await openBundle(file, world);
    const element = `${opened.world.paths.home}/elements/x`;
    expect(await readFile(`${element}/install.d/10-link`, 'utf8')).toBe('text');
    expect(await readlink(`${element}/install.d/10-link`)).toBe('../bin/real');
    expect(opened.world.env).toEqual({DIB_THEIRS: '2'});
  });

  test('writes nothing outside of its own folder', async () => {
    const outside = join(folder, 'outside');
    expect(
      await problemOf([...head, ['links/x/d', outside], ['elements/x/d/authorized_keys', 'ours']]), //
    ).toContain('leads out of the element');
    expect(await problemOf([...head, ['links/x/d', '../y'], ['elements/x/d/f', '']])).toContain('leads out');
    expect(await problemOf([...head, ['links/x/a/d', '..'], ['links/x/e', 'a/d/../../f']])).toContain('leads out');
    expect(await problemOf([...head, ['links/x', 'elements']])).toContain('which no bundle has');
    expect(await problemOf([...head, ['links/x/d', 'e'], ['elements/x/d/f', ''], ['elements/x/e/f', '']])).toContain(
      'twice, or as a file and a folder',
    );
    expect(await problemOf([...head, ['links/x/d', 'e'], ['links/x/d/f', 'e']])).toContain('twice');
    expect(await problemOf([...head, ['elements/x/f', '1'], ['elements/x/f', '2']])).toContain('twice');
    expect(await problemOf([...head, ['elements/x/f', '1'], ['elements/x/f/g', '2']])).toContain('twice');
  });

  test('sets no variables but those of elements', async () => {
    for (const name of ['https_proxy', 'NODE_EXTRA_CA_CERTS', 'DIB_X=', 'PATH']) {
      expect(await problemOf([['bundle.json', about({[name]: 'x'})], head[1]])).toContain('is of another form');
    }
  });

  test('without a lock, or without a word of itself, is refused', async () => {
    expect(await problemOf([head[0]])).toContain('"lock.yaml" is missing');
    expect(await problemOf([head[1]])).toContain('"bundle.json" is missing');
  });
});
