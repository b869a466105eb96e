import {HostError, lockFile} from '../base/index.js';

/** Holds a lock until disposed; undefined when another process holds it. */
export async function lockIfFree(path: string, what: string): Promise<AsyncDisposable | undefined> {
  try {
    return await lockFile(path, {what, wait: false});
  } catch (error) {
    if (error instanceof HostError && error.code === 'busy-lock') return undefined;
    throw error;
  }
}
