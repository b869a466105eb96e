import {basename, resolve} from 'node:path';
import {
  canonicalJson,
  readFileIfThere,
  type Sha256,
  StepError,
  sha256,
  UsageError,
  type World,
  writeFileWhole,
} from '../base/index.js';
import {type DiskFile, digestDiskFile, readDiskFile} from '../disk/index.js';
import {withoutEnding} from '../image/index.js';
import {type ImageContent, sbomEndings} from '../inspection/index.js';
import {
  makeStatement,
  type PassportChecks,
  type PassportState,
  type Resource,
  renderEnvelope,
  type Statement,
  signEnvelope,
  statementBytes,
  statementType,
} from '../passport/index.js';
import type {Judgement} from '../rules/index.js';
import {manifestInside, readManifest} from './image-manifest.js';
import {sidecarPath} from './image-sidecar.js';
import {judgeImage} from './judge-image.js';
import {passportPath, readPassport} from './passport-file.js';
import {version} from './program-version.js';
import {bootsProven} from './proofs.js';
import {readImage} from './read-image.js';
import {openSigningKey, type SigningKey} from './signing-keys.js';
import {openWorkshop, type Workshop} from './workshop.js';

export interface SignRequest {
  readonly file: string;
  /** Name of a key. */
  readonly key: string;
  /** File of waivers. */
  readonly waivers?: string | undefined;
}

/** An image's passport as it is now. */
export interface SignedImage {
  readonly file: string;
  readonly passport: string;
  readonly sha256: Sha256;
  readonly keyId: Sha256;
  readonly keyName: string;
  readonly checks: PassportChecks;
  /** Whether the same was signed before, with the same key. */
  readonly isUnchanged: boolean;
}

/** Signs an image that is there: asks the rules of it, and writes its passport beside it. What its lock, manifest and bills of
 * materials are is signed too where they stand beside it under the names that builds give them.
 * @throws {UsageError} `unknown-key`, `unusable-key`, `not-signable`, `file-not-found`, `not-a-disk-image`
 * @throws {StepError} `image-unsound` when it is too damaged to be read
 */
export async function signImage(request: SignRequest, world: World): Promise<SignedImage> {
  const disk = await readDiskFile(resolve(request.file));
  const key = await openSigningKey(request.key, world);
  await using workshop = await openWorkshop(world);
  return await writePassport(disk, key, request, workshop, world);
}

/** What is signed beside the image. */
export interface SignedBeside {
  readonly waivers?: string | undefined;
  /** What it was built from; default: the one that has the image's name. */
  readonly lockFile?: string;
}

/** Writes the passport of one disk image, unless the one that is there says the same. */
export async function writePassport(
  disk: DiskFile,
  key: SigningKey,
  {waivers, lockFile = `${withoutEnding(disk.path)}.lock.yaml`}: SignedBeside,
  workshop: Workshop,
  world: World,
): Promise<SignedImage> {
  const {judgement} = await judgeImage(disk, {waivers}, workshop, world);
  const {content, diskSha256, sha256: readSha256} = await readImage(disk, workshop, world);
  const digests = await digestDiskFile(disk.path, world.signal, () => {});
  if (digests.sha256 !== readSha256) throw new StepError('image-changed', {file: disk.path});
  const checks = await checksOf(judgement, digests.sha256, world);
  const manifest = manifestOf(disk.path, content);
  const statement = makeStatement({
    file: {name: basename(disk.path), ...digests},
    manifest: manifest.value,
    dependencies: [resource('elements', manifest.value.elementsDigest), ...(await resources({lock: lockFile}))],
    byproducts: [
      resource('disk', diskSha256),
      resource('tree', sha256(canonicalJson(content.listing))),
      resource('manifest', sha256(manifest.text)),
      ...(await resources(documentsOf(disk.path))),
    ],
    checks,
    programVersion: version,
    signedAt: new Date(),
  });
  const passport = passportPath(disk.path);
  const isUnchanged = saysTheSame(await readPassport(disk.path, digests, world), statement, key);
  if (!isUnchanged) {
    await writeFileWhole(
      passport,
      renderEnvelope(signEnvelope(statementBytes(statement), statementType, key.privateKey)),
    );
  }
  return {file: disk.path, passport, sha256: digests.sha256, keyId: key.id, keyName: key.name, checks, isUnchanged};
}

/** Whether a passport of this key stands beside an image whose digest is known, and names the lock as it is. */
export async function isSigned(
  file: string,
  digest: Sha256,
  key: SigningKey,
  lockFile: string,
  world: World,
): Promise<boolean> {
  const state = await readPassport(file, {sha256: digest}, world);
  if (state.kind !== 'good' || state.keyId !== key.id) return false;
  const [lock] = await resources({lock: lockFile});
  const {resolvedDependencies} = state.statement.predicate.buildDefinition;
  return resolvedDependencies.find(({name}) => name === 'lock')?.digest.sha256 === lock?.digest.sha256;
}

/** But for the time of signing. */
function saysTheSame(state: PassportState, statement: Statement, key: SigningKey): boolean {
  return state.kind === 'good' && state.keyId === key.id && timeless(state.statement) === timeless(statement);
}

function timeless({predicate, ...rest}: Statement): string {
  const {metadata: _, ...details} = predicate.runDetails;
  return canonicalJson({...rest, predicate: {...predicate, runDetails: details}});
}

function manifestOf(file: string, {texts}: ImageContent) {
  const [text, value] = [texts[manifestInside], readManifest(texts)];
  if (text !== undefined && value) return {text, value};
  const problem = 'it has no manifest that says what it was built from and for: only what trovestack built is signed';
  throw new UsageError('not-signable', {file, problem});
}

async function checksOf(
  {findings, isSound, rulesAsked}: Judgement,
  digest: Sha256,
  world: World,
): Promise<PassportChecks> {
  const left = findings.filter(({waiver}) => waiver === undefined);
  const count = (wanted: string) => left.filter(({severity}) => severity === wanted).length;
  return {
    sound: isSound,
    rulesAsked,
    errors: count('error'),
    warnings: count('warning'),
    waived: findings.length - left.length,
    bootProven: await bootsProven(digest, world),
  };
}

/** What builds write beside an image, by its name in the statement. */
function documentsOf(file: string): Readonly<Record<string, string>> {
  const bills = sbomEndings.map((ending) => `${withoutEnding(file)}.${ending}`);
  return Object.fromEntries([sidecarPath(file), ...bills].map((path) => [basename(path), path]));
}

/** Those that are there. */
async function resources(files: Readonly<Record<string, string>>): Promise<Resource[]> {
  const found = await Promise.all(
    Object.entries(files).map(async ([name, path]) => {
      const text = await readFileIfThere(path);
      return text === undefined ? [] : [resource(name, sha256(text))];
    }),
  );
  return found.flat();
}

function resource(name: string, digest: string): Resource {
  return {name, digest: {sha256: digest}};
}
