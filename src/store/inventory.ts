import {randomBytes} from 'node:crypto';
import {readFile, rename, writeFile} from 'node:fs/promises';
import {promisify} from 'node:util';
import {gunzip} from 'node:zlib';
import {readFileIfThere, type Sha256, sha256, systemErrorCode} from '../base/index.js';

/** What a result held when it was new, in short. The whole is beside it: a line of JSON for every path, compressed. */
export interface InventorySummary {
  readonly form: number;
  /** Of the lines. */
  readonly sha256: Sha256;
  readonly paths: number;
  /** Sum of the sizes of all files, a file with several names once. */
  readonly sizeBytes: number;
}

/** Raised when inventories come to hold other things: those of before are then made anew. */
export const inventoryForm = 1;

const summaryName = 'inventory.json';
const linesName = 'inventory.jsonl.gz';

/** What of a result's folder its inventory leaves out: its facts, whose time of change is that of the last use, and itself. */
export const notInventoried = ['facts.json', 'inventory.'] as const;

export async function readInventorySummary(folder: string): Promise<InventorySummary | undefined> {
  const text = await readFileIfThere(`${folder}/${summaryName}`);
  if (text === undefined) return undefined;
  try {
    const summary = JSON.parse(text) as InventorySummary;
    return summary.form === inventoryForm ? summary : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // torn: made anew
    throw error;
  }
}

/** The lines of a result's inventory; undefined when it has none, or one that isn't what its summary says. */
export async function readInventory(folder: string): Promise<string | undefined> {
  const summary = await readInventorySummary(folder);
  if (!summary) return undefined;
  try {
    const lines = (await expand(await readFile(`${folder}/${linesName}`))).toString('utf8');
    return sha256(lines) === summary.sha256 ? lines : undefined;
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (code === 'ENOENT' || code.startsWith('Z_')) return undefined;
    throw error;
  }
}

const expand = promisify<Buffer, Buffer>(gunzip);

/** Keeps a result's inventory: the lines first, so that a summary never stands alone. It isn't flushed to the disk, which would
 * cost more than the inventory: one that a power cut tears is told by its digest.
 */
export async function writeInventory(folder: string, compressed: Uint8Array, summary: InventorySummary): Promise<void> {
  for (const [name, data] of [
    [linesName, compressed],
    [summaryName, JSON.stringify(summary)],
  ] as const) {
    const staged = `${folder}/${name}.${randomBytes(4).toString('hex')}.part`;
    await writeFile(staged, data);
    await rename(staged, `${folder}/${name}`);
  }
}
