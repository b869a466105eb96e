import {stat} from 'node:fs/promises';
import {canonicalJson, readFileIfThere, type Sha256, sha256, systemErrorCode, UsageError} from '../base/index.js';
import type {Element} from '../element/index.js';
import {isGuest} from '../image/index.js';
import type {Lock, LockSubject} from '../lock/index.js';
import {type Store, storeError} from '../store/index.js';
import type {ImageBlueprint} from './read-blueprint.js';

/** Of the last build of an image in a store, wherever its file is. */
export function readLastLock(image: string, store: Store): Promise<Lock | undefined> {
  return store.readBuild<Lock>(lastLockName(image));
}

export function lastLockName(image: string): string {
  return `${image}.lock`;
}

/** @returns undefined where there is none. */
export async function readLockText(file: string): Promise<string | undefined> {
  try {
    return await readFileIfThere(file);
  } catch (error) {
    if (systemErrorCode(error) === 'EISDIR' && (await stat(file)).isDirectory()) {
      throw new UsageError('bad-argument', {argument: `the lock file "${file}"`, problem: 'it is a folder'});
    }
    throw storeError(error, file);
  }
}

/** All that decides an image beside packages. */
export function subjectOf({definition, elements, containerElements}: ImageBlueprint): LockSubject {
  return {
    image: definition.name,
    ...(isGuest(definition) ? {series: definition.purpose.series} : {}),
    definition: sha256(canonicalJson(definition)),
    elements: digestsOf([...containerElements, ...elements]),
  };
}

function digestsOf(elements: readonly Element[]): Record<string, Sha256> {
  const entries = elements.map(({name, files}) => [name, sha256(canonicalJson(files))] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
