import {readFileIfThere, type Sha256} from '../base/index.js';

export function isKey(name: string): name is Sha256 {
  return /^[0-9a-f]{64}$/.test(name);
}

/** In their order. */
export function keysAmong(names: readonly string[]): Sha256[] {
  return names.filter(isKey).sort();
}

/** A JSON file of ours; one that was torn, by a full disk or a power cut, is as good as none. */
export async function readWhole<T>(path: string): Promise<T | undefined> {
  const text = await readFileIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
