import {randomBytes} from 'node:crypto';
import {chmod, rename, rm, stat, utimes} from 'node:fs/promises';
import {readFileIfThere, type Sha256, sha256OfFile, systemErrorCode, writeFileWhole} from '../base/index.js';
import {unwritable} from './unwritable.js';

/** Package files and indexes of archives, each under its digest: `<store>/packages/<sha256>`. Sandboxes see the folder and
 * can't write it. Beside a file lie values made from it. */
export class PackageFiles {
  readonly folder: string;
  /** What this process has read whole, and found to be what its name says. */
  readonly #sound = new Map<Sha256, Promise<number | undefined>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The size of a file that is there; one whose content isn't that of its digest is removed, and not there. Asking is using:
   * the time of the last use becomes now, and `store prune` spares what a running build has asked for. */
  size(digest: Sha256): Promise<number | undefined> {
    const known = this.#sound.get(digest);
    if (known) return known;
    const found = this.#check(digest);
    this.#sound.set(digest, found);
    return found;
  }

  async #check(digest: Sha256): Promise<number | undefined> {
    const path = `${this.folder}/${digest}`;
    try {
      await touch(path);
      const {size} = await stat(path);
      if ((await sha256OfFile(path)) === digest) return size;
      await rm(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
    return undefined;
  }

  /** Where a download goes first. */
  newPart(): string {
    return `${this.folder}/${randomBytes(8).toString('hex')}.part`;
  }

  /** Takes a whole file in under its digest, which the caller has computed. */
  async keep(part: string, digest: Sha256, sizeBytes: number): Promise<void> {
    await chmod(part, 0o644);
    await rename(part, `${this.folder}/${digest}`);
    this.#sound.set(digest, Promise.resolve(sizeBytes));
  }

  async keepText(text: string, digest: Sha256): Promise<void> {
    await writeFileWhole(`${this.folder}/${digest}`, text);
    this.#sound.set(digest, Promise.resolve(Buffer.byteLength(text)));
  }

  /** A value made from a file: its `table` or `control`. */
  readMade(digest: Sha256, kind: MadeKind): Promise<string | undefined> {
    return readFileIfThere(`${this.folder}/${digest}.${kind}`);
  }

  async writeMade(digest: Sha256, kind: MadeKind, text: string): Promise<void> {
    await writeFileWhole(`${this.folder}/${digest}.${kind}`, text);
  }
}

/** Sets the time of the last use, which is that of the last reading. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, (await stat(path)).mtime).catch((error: unknown) => {
    if (!unwritable.has(systemErrorCode(error) ?? '')) throw error;
  });
}

export type MadeKind = 'table' | 'control';
