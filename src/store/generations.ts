import {readdir, rm} from 'node:fs/promises';
import {lockFile, readFileIfThere, type Sha256, writeFileWhole} from '../base/index.js';
import {isKey, keysAmong, readWhole} from './records.js';

/** What a new result is made in place of. */
export interface Replaces {
  /** The key that it will stand for. */
  readonly first: Sha256;
  readonly generation: string;
}

/** Which result stands for a key that was made anew: `<store>/generations/<first>`. And which nothing leads to: a mark for each
 * in `<store>/replaced/`, with the key that it stood for, or was to stand for. A mark is written before what makes it true, so
 * that `kill -9` leaves no result that nobody would ever remove; one that isn't true is passed over. */
export class Generations {
  readonly #store: string;

  constructor(store: string) {
    this.#store = store;
  }

  /** Keys whose results were made anew, each with the generation that stands for it now. */
  async read(): Promise<ReadonlyMap<Sha256, string>> {
    const found = new Map<Sha256, string>();
    for (const first of await this.#firsts()) {
      const now = await this.#standing(first);
      if (now) found.set(first, now.generation);
    }
    return found;
  }

  /** To be called before the result is there: until it stands, nothing leads to it. */
  async announce({first}: Replaces, key: Sha256): Promise<void> {
    await this.#mark(key, first);
  }

  /** Has a result, which is there, stand for a key. The one that did stays for those who use it. */
  async stand({first, generation}: Replaces, key: Sha256): Promise<void> {
    await using _lock = await lockFile(`${this.#store}/locks/generations`, {what: 'the generations of results'});
    const before = (await this.#standing(first))?.key ?? first;
    if (before !== key) {
      await this.#mark(before, first);
      await writeFileWhole(`${this.#store}/generations/${first}`, JSON.stringify({generation, key} satisfies Standing));
    }
    await this.#unmark(key);
  }

  /** Keys with a mark, true or not. */
  async marked(): Promise<Sha256[]> {
    return keysAmong(await readdir(`${this.#store}/replaced`));
  }

  /** Keys of results that nothing leads to; marks that aren't true go. To be called by who has the store alone. */
  async replaced(): Promise<Sha256[]> {
    const found: Sha256[] = [];
    for (const key of await this.marked()) {
      const first = (await readFileIfThere(this.#markOf(key))) ?? ''; // empty in stores of before
      const standing = isKey(first) ? ((await this.#standing(first))?.key ?? first) : undefined;
      if (standing === key) await this.#unmark(key);
      else found.push(key);
    }
    return found;
  }

  /** Forgets what is said of results that are gone. To be called by who has the store alone. */
  async tidy(isThere: (key: Sha256) => boolean): Promise<void> {
    for (const folder of ['generations', 'replaced'].map((name) => `${this.#store}/${name}`)) {
      const torn = (await readdir(folder)).filter((name) => name.endsWith('.part')); // of writers that were killed
      for (const name of torn) await rm(`${folder}/${name}`, {force: true});
    }
    for (const key of await this.marked()) if (!isThere(key)) await this.#unmark(key);
    for (const first of await this.#firsts()) {
      const now = await this.#standing(first);
      // While the replaced one is there, it mustn't come to stand again.
      if (!now || !(isThere(now.key) || isThere(first))) await rm(`${this.#store}/generations/${first}`, {force: true});
    }
  }

  async #firsts(): Promise<Sha256[]> {
    return keysAmong(await readdir(`${this.#store}/generations`));
  }

  #standing(first: Sha256): Promise<Standing | undefined> {
    return readWhole<Standing>(`${this.#store}/generations/${first}`);
  }

  #markOf(key: Sha256): string {
    return `${this.#store}/replaced/${key}`;
  }

  #mark(key: Sha256, first: Sha256): Promise<void> {
    return writeFileWhole(this.#markOf(key), first);
  }

  #unmark(key: Sha256): Promise<void> {
    return rm(this.#markOf(key), {force: true});
  }
}

/** What stands for a key. */
interface Standing {
  readonly generation: string;
  readonly key: Sha256;
}
