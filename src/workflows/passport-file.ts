import {dirname} from 'node:path';
import {readFileIfThere, sha256, type World} from '../base/index.js';
import {checkPassport, type KnownContent, type PassportState, type Statement} from '../passport/index.js';
import {trustedKeys} from './signing-keys.js';

/** An image's passport, beside it. */
export function passportPath(imageFile: string): string {
  return `${imageFile}.intoto.jsonl`;
}

/** Reads the passport beside an image file, and what it is worth. The documents that stand beside the image have to be those
 * that were signed with it; one that is missing is no fault.
 * @param content The file's digests.
 * @throws {UsageError} `unusable-key` when a trusted key can't be read
 */
export async function readPassport(imageFile: string, content: KnownContent, world: World): Promise<PassportState> {
  const text = await readFileIfThere(passportPath(imageFile));
  const state = checkPassport(text, content, text === undefined ? [] : await trustedKeys(world));
  const changed = state.kind === 'good' ? await changedDocument(state.statement, dirname(imageFile)) : undefined;
  return changed === undefined ? state : {kind: 'bad', problem: `"${changed}" is not what was signed with it`};
}

/** Names of by-products that are no files beside an image. */
const values = new Set(['disk', 'tree', 'manifest']);

async function changedDocument({predicate}: Statement, folder: string): Promise<string | undefined> {
  for (const {name, digest} of predicate.runDetails.byproducts) {
    if (values.has(name) || name.includes('/')) continue;
    const text = await readFileIfThere(`${folder}/${name}`);
    if (text !== undefined && sha256(text) !== digest.sha256) return name;
  }
  return undefined;
}
