import {createPrivateKey, generateKeyPairSync, type KeyObject} from 'node:crypto';
import {chmod, mkdir, readdir, readFile, stat} from 'node:fs/promises';
import {
  compareCodePoints,
  lockFile,
  type Sha256,
  storeError,
  systemErrorCode,
  UsageError,
  type World,
  writeFileWhole,
} from '../base/index.js';
import {keyId, type PublicKey, parsePublicKey} from '../passport/index.js';

/** A key to sign with. */
export interface SigningKey {
  readonly id: Sha256;
  readonly name: string;
  readonly privateKey: KeyObject;
}

/** A public key as people see it. */
export interface ShownKey {
  readonly id: Sha256;
  readonly name: string;
  /** `own`: its private part is here, so that it can sign. `trusted`: what others sign with it is believed. */
  readonly kind: 'own' | 'trusted';
  /** Of the public key, PEM. */
  readonly file: string;
}

/** The key that builds sign with unless another is named. */
export const defaultKey = 'default';

/** Makes a key pair: `NAME.key`, which only its owner can read, and `NAME.pub`. A key that is there is never replaced.
 * @throws {UsageError} `unusable-key`, `bad-argument`
 * @throws {HostError} `disk-full`, `no-access`
 */
export async function newKey(name: string, world: World): Promise<ShownKey> {
  const folder = ownFolder(world);
  const [secret, file] = [`${folder}/${checkName(name)}.key`, `${folder}/${name}.pub`];
  try {
    await mkdir(folder, {recursive: true, mode: 0o700});
    await chmod(folder, 0o700);
    await using _lock = await lockFile(`${folder}/.lock`, {what: 'the signing keys', signal: world.signal});
    const taken = (await readdir(folder)).find((one) => one === `${name}.key` || one === `${name}.pub`);
    if (taken) {
      const next = `choose another name, or look at it: trovestack key show ${name}`;
      throw new UsageError('unusable-key', {path: `${folder}/${taken}`, problem: 'a key of this name is there', next});
    }
    const {privateKey, publicKey} = generateKeyPairSync('ed25519');
    // The secret half last: what can sign is also trusted here, whenever this is ended.
    await writeFileWhole(file, publicKey.export({type: 'spki', format: 'pem'}));
    await writeFileWhole(secret, privateKey.export({type: 'pkcs8', format: 'pem'}), 0o600);
    return {id: keyId(publicKey), name, kind: 'own', file};
  } catch (error) {
    throw storeError(error, folder, 'making a key');
  }
}

/** Opens a key to sign with.
 * @throws {UsageError} `unknown-key`; `unusable-key` when others can read it, or it is no ed25519 key
 */
export async function openSigningKey(name: string, world: World): Promise<SigningKey> {
  const path = `${ownFolder(world)}/${checkName(name)}.key`;
  const pem = await readPrivate(path);
  if (pem === undefined) {
    const known = (await namesIn(ownFolder(world), '.key')).sort(compareCodePoints);
    throw new UsageError('unknown-key', {name, folder: ownFolder(world), known});
  }
  const privateKey = parsePrivateKey(path, pem);
  return {id: keyId(privateKey), name, privateKey};
}

/** Whether a build signs without being asked to. */
export async function hasDefaultKey(world: World): Promise<boolean> {
  return (await namesIn(ownFolder(world), '.key')).includes(defaultKey);
}

/** Every public key whose signatures are believed: those of our own keys, and those that somebody put among the trusted.
 * @throws {UsageError} `unusable-key`
 */
export async function trustedKeys(world: World): Promise<readonly PublicKey[]> {
  return (await readKeys(world)).map(({key}) => key);
}

/** Every key, our own first. */
export async function listKeys(world: World): Promise<readonly ShownKey[]> {
  return (await readKeys(world)).map(({key: {id, name}, kind, file}) => ({id, name, kind, file}));
}

/** A key with its public part, to be handed to those who check signatures.
 * @param reference Its name, or the beginning of its id.
 * @throws {UsageError} `unknown-key`
 */
export async function showKey(reference: string, world: World): Promise<ShownKey & {readonly publicKey: string}> {
  const keys = await listKeys(world);
  const found =
    keys.find(({name}) => name === reference) ??
    keys.find(({id}) => /^[0-9a-f]{7,}$/.test(reference) && id.startsWith(reference));
  if (found) return {...found, publicKey: await readFile(found.file, 'utf8')};
  throw new UsageError('unknown-key', {name: reference, folder: world.paths.data, known: keys.map(({name}) => name)});
}

interface ReadKey {
  readonly key: PublicKey;
  readonly kind: ShownKey['kind'];
  readonly file: string;
}

async function readKeys(world: World): Promise<readonly ReadKey[]> {
  const folders = [
    ['own', ownFolder(world)],
    ['trusted', `${world.paths.data}/trusted-keys`],
  ] as const;
  const found = await Promise.all(
    folders.map(async ([kind, folder]) => {
      const names = (await namesIn(folder, '.pub')).sort(compareCodePoints);
      return Promise.all(names.map((name) => readPublicKey(name, kind, `${folder}/${name}.pub`)));
    }),
  );
  return found.flat();
}

async function readPublicKey(name: string, kind: ShownKey['kind'], file: string): Promise<ReadKey> {
  const key = parsePublicKey(name, await readFile(file, 'utf8'));
  if (typeof key !== 'string') return {key, kind, file};
  throw new UsageError('unusable-key', {path: file, problem: key, next: `write it anew, or take it away: rm ${file}`});
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const {mode} = await stat(path);
    if ((mode & 0o077) === 0) return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw storeError(error, path, 'signing');
  }
  const problem = 'others than its owner can read it, so that nobody knows who signs with it';
  throw new UsageError('unusable-key', {
    path,
    problem,
    next: `chmod 600 ${path}, or make a new key: trovestack key new`,
  });
}

function parsePrivateKey(path: string, pem: string): KeyObject {
  const refuse = (problem: string, cause?: unknown) =>
    new UsageError('unusable-key', {path, problem, next: 'trovestack key new NAME makes one'}, {cause});
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refuse('it is no private key in PEM form without a passphrase', error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw refuse(`it is of the kind ${key.asymmetricKeyType}, not ed25519`);
  return key;
}

function ownFolder({paths}: World): string {
  return `${paths.data}/keys`;
}

/** Names of files with this ending; none where there is no such folder. */
async function namesIn(folder: string, ending: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw storeError(error, folder, 'reading the keys');
  }
}

function checkName(name: string): string {
  if (/^[A-Za-z0-9][\w.-]*$/.test(name)) return name;
  const problem = 'a name of a key has letters, digits, "_", "." and "-", and begins with a letter or digit';
  throw new UsageError('bad-argument', {argument: `"${name}"`, problem, next: 'trovestack key list'});
}
