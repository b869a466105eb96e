import {execFileSync} from 'node:child_process';
import {chmod, mkdir, open, readFile, stat, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {sha256} from '../../src/base/index.js';
import type {InspectedImage} from '../../src/workflows/inspect-image.js';
import type {SignedImage} from '../../src/workflows/sign-image.js';
import type {ShownKey} from '../../src/workflows/signing-keys.js';
import {runTrovestack, temporaryFolder} from '../rig/trovestack.js';

const manifest = {
  datastore: 'mariadb',
  version: '11.8',
  series: '2025.1',
  distribution: 'debian',
  release: 'trixie',
  architecture: 'amd64',
  elementsDigest: sha256('elements'),
  elements: ['trove-guest'],
};

describe('passports', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let image: string;
  let passport: string;

  /** With keys of its own. */
  const run = (args: readonly string[], data = 'data') =>
    runTrovestack(args, {env: {TROVESTACK_DATA: join(folder.path, data)}});

  async function json<T>(args: readonly string[], data?: string): Promise<T> {
    const {stdout, stderr} = await run([...args, '--output', 'json'], data);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as T;
  }

  /** What `image inspect` says of the passport. */
  async function state(data?: string) {
    return (await json<InspectedImage>(['image', 'inspect', image], data)).passport;
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    image = join(folder.path, 'image.raw');
    passport = `${image}.intoto.jsonl`;
    await mkdir(join(folder.path, 'tree/etc/trovestack'), {recursive: true});
    await writeFile(join(folder.path, 'tree/etc/os-release'), 'ID=test\n');
    await writeFile(join(folder.path, 'tree/etc/trovestack/manifest.json'), JSON.stringify(manifest));
    await writeFile(image, '');
    await truncate(image, 16 * 2 ** 20);
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', join(folder.path, 'tree'), image]);
    await writeFile(`${image}.manifest.json`, JSON.stringify({...manifest, configurationParameters: {}}));
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  test('a key is made once, for its owner alone, and is never replaced', async () => {
    const key = await json<ShownKey>(['key', 'new']);
    const secret = join(folder.path, 'data/keys/default.key');
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
    const before = await readFile(secret, 'utf8');
    const again = await run(['key', 'new']);
    expect(again).toMatchObject({exitCode: 2, stderr: expect.stringContaining('error unusable-key')});
    expect(await readFile(secret, 'utf8')).toBe(before);
    expect(await json(['key', 'list'])).toEqual([key]);
    expect((await run(['key', 'show', key.id.slice(0, 8)])).stdout).toBe(await readFile(key.file, 'utf8'));
    const der = execFileSync('openssl', ['pkey', '-pubin', '-in', key.file, '-outform', 'DER']);
    expect(key.id).toBe(sha256(der));
  });

  test('a key that others can read does not sign, nor one that is not there', async () => {
    const secret = join(folder.path, 'data/keys/default.key');
    await chmod(secret, 0o644);
    const readable = await run(['image', 'sign', image]);
    await chmod(secret, 0o600);
    expect(readable).toMatchObject({exitCode: 2, stderr: expect.stringContaining(`chmod 600 ${secret}`)});
    const unknown = await run(['image', 'sign', image, '--key', 'deflaut']);
    expect(unknown).toMatchObject({exitCode: 2, stderr: expect.stringContaining('error unknown-key')});
  });

  test('an image is signed, once, and openssl finds the signature good', async () => {
    expect(await state()).toEqual({kind: 'none'});
    const signed = await json<SignedImage>(['image', 'sign', image]);
    expect(signed).toMatchObject({passport, sha256: sha256(await readFile(image)), isUnchanged: false});
    const text = await readFile(passport, 'utf8');
    expect(await json(['image', 'sign', image])).toMatchObject({isUnchanged: true});
    expect(await readFile(passport, 'utf8')).toBe(text);

    const {payload, payloadType, signatures} = JSON.parse(text);
    const said = Buffer.from(payload, 'base64');
    const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${said.length} `), said]);
    const [bytes, signature] = [join(folder.path, 'signed'), join(folder.path, 'signature')];
    await writeFile(bytes, encoded);
    await writeFile(signature, Buffer.from(signatures[0].sig, 'base64'));
    const check = ['-verify', '-rawin', '-in', bytes, '-sigfile', signature];
    const key = ['-pubin', '-inkey', join(folder.path, 'data/keys/default.pub')];
    expect(execFileSync('openssl', ['pkeyutl', ...check, ...key], {encoding: 'utf8'})).toContain('Success');
    expect(JSON.parse(said.toString())).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{name: 'image.raw', digest: {sha256: signed.sha256}}],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {buildDefinition: {externalParameters: {datastore: 'mariadb', series: '2025.1'}}},
    });
  });

  test('inspect tells manifest and passport, to people and to programs', async () => {
    const inspected = await json<InspectedImage>(['image', 'inspect', image]);
    expect(inspected).toMatchObject({manifest, passport: {kind: 'good', keyName: 'default'}, bootProven: []});
    const {stdout, exitCode} = await run(['image', 'inspect', image]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ {2}serves +mariadb 11\.8, series 2025\.1\n/);
    expect(stdout).toMatch(/ {2}passport +good: signed by default \([0-9a-f]{12}\) on /);
  });

  test('any byte that changed is found: of the image, of the passport, of what was signed with it', async () => {
    for (const file of [image, passport, `${image}.manifest.json`]) {
      const {size} = await stat(file);
      // The last place is in the unused end of the file system, where no tree shows it.
      for (const at of [size >> 1, size - 1]) {
        await flip(file, at);
        const {exitCode, stdout} = await run(['image', 'inspect', image]);
        await flip(file, at);
        expect({file, at, exitCode}).toEqual({file, at, exitCode: 3});
        expect(stdout).toContain('passport   BAD: ');
      }
    }
    expect((await state()).kind).toBe('good');
  });

  test('it counts where its key is trusted, and nowhere else', async () => {
    expect(await state('elsewhere')).toMatchObject({kind: 'untrusted'});
    const trusted = join(folder.path, 'elsewhere/trusted-keys');
    await mkdir(trusted, {recursive: true});
    await writeFile(join(trusted, 'factory.pub'), (await run(['key', 'show'])).stdout);
    expect(await state('elsewhere')).toMatchObject({kind: 'good', keyName: 'factory'});
    await writeFile(join(trusted, 'torn.pub'), 'no key');
    const {exitCode, stderr} = await run(['image', 'inspect', image], 'elsewhere');
    expect({exitCode, isTold: stderr.includes('torn.pub')}).toEqual({exitCode: 2, isTold: true});
  });

  test('a new key signs the image anew, and the old one stays trusted', async () => {
    await run(['key', 'new', 'next']);
    expect(await json(['image', 'sign', image, '--key', 'next'])).toMatchObject({keyName: 'next', isUnchanged: false});
    expect(await state()).toMatchObject({kind: 'good', keyName: 'next'});
    expect(await json<ShownKey[]>(['key', 'list'])).toHaveLength(2);
  });
});

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}
