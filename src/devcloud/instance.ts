import {randomBytes} from 'node:crypto';
import {chmod, mkdir, readdir, rm} from 'node:fs/promises';
import {type Paths, readFileIfThere, systemErrorCode, UsageError, writeFileWhole} from '../base/index.js';
import type {Profile, Secrets} from './profile.js';
import type {ProcessIdentity} from './supervisor.js';

/** A devcloud that was made here: all that is needed to start it again. Its file is its owner's alone to read. */
export interface Instance {
  readonly name: string;
  readonly profile: Profile;
  /** Of OpenStack; absent in files from before there was a choice. */
  readonly series?: string;
  /** Given when it is started for the first time. */
  readonly subnet?: string;
  readonly secrets: Secrets;
  /** The layers below its own, topmost first. */
  readonly layers: readonly string[];
  /** Of the run that is (or was last) under way. */
  readonly run?: {readonly supervisor: ProcessIdentity; readonly startedAt: string};
}

/** Of a devcloud, below the state folder. */
export function instanceFolder(paths: Paths, name: string): string {
  return `${paths.state}/devclouds/${name}`;
}

/** The name of a devcloud's entry in clouds.yaml. */
export function cloudNameOf(name: string): string {
  return `trovestack-${name}`;
}

/** @throws {UsageError} `bad-argument` unless the name can be one of a folder, a cloud and a lock. */
export function checkName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) return;
  throw new UsageError('bad-argument', {
    argument: `--name "${name}"`,
    problem: 'it has to be 1 to 31 lower-case letters, digits and hyphens, not starting with a hyphen',
  });
}

export async function readInstance(paths: Paths, name: string): Promise<Instance | undefined> {
  const text = await readFileIfThere(`${instanceFolder(paths, name)}/devcloud.json`);
  return text === undefined ? undefined : (JSON.parse(text) as Instance);
}

/** Every devcloud of this state folder, by name. */
export async function listInstances(paths: Paths): Promise<Instance[]> {
  const names = await readdir(`${paths.state}/devclouds`).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const found = await Promise.all(names.sort().map((name) => readInstance(paths, name)));
  return found.filter((instance) => instance !== undefined);
}

/** @throws {UsageError} `unknown-devcloud` */
export async function requireInstance(paths: Paths, name: string): Promise<Instance> {
  const instance = await readInstance(paths, name);
  if (instance) return instance;
  const known = (await listInstances(paths)).map((other) => other.name);
  throw new UsageError('unknown-devcloud', {name, known});
}

export async function writeInstance(paths: Paths, instance: Instance): Promise<void> {
  const file = `${instanceFolder(paths, instance.name)}/devcloud.json`;
  await writeFileWhole(file, `${JSON.stringify(instance, undefined, 2)}\n`, 0o600);
}

/** Makes a new devcloud's folders. */
export async function makeInstanceFolder(folder: string): Promise<void> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  for (const name of ['upper', 'work', 'root']) {
    await mkdir(`${folder}/${name}`, {recursive: true});
    await chmod(`${folder}/${name}`, 0o755); // whatever the umask: it becomes the root that services see
  }
}

export async function removeInstanceFolder(paths: Paths, name: string): Promise<void> {
  await rm(instanceFolder(paths, name), {recursive: true, force: true});
}

/** Passwords for one devcloud: 120 random bits each, in letters that no file format minds. */
export function newSecrets(): Secrets {
  const secret = () => randomBytes(15).toString('hex');
  return {admin: secret(), service: secret(), messaging: secret()};
}
