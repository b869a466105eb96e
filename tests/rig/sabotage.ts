import {execFileSync} from 'node:child_process';
import {chmodSync, writeFileSync} from 'node:fs';
import {openRawDisk, readPartitions} from '../../src/disk/index.js';

/** An image file that is written to, without mounting it. */
export class Sabotage {
  readonly file: string;
  readonly #offset: number;
  #count = 0;

  constructor(file: string, offset: number) {
    this.file = file;
    this.#offset = offset;
  }

  #debugfs(...commands: string[]): string {
    const script = `${this.file}.debugfs`;
    writeFileSync(script, `${commands.join('\n')}\n`);
    return execFileSync('debugfs', ['-w', '-f', script, `${this.file}?offset=${this.#offset}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** Names in a folder. */
  list(folder: string): string[] {
    return this.#debugfs(`ls -p ${folder}`)
      .split('\n')
      .flatMap((line) => line.split('/')[5] ?? []);
  }

  remove(path: string): void {
    this.#debugfs(`rm ${path}`);
  }

  /** Puts a file in the place of another, or where none was; folders on the way are made. */
  write(path: string, text: string | Buffer, mode = 0o644): void {
    const source = `${this.file}.${this.#count++}`;
    writeFileSync(source, text);
    chmodSync(source, mode);
    const parts = path.split('/').slice(1, -1);
    const folders = parts.map((_, i) => `mkdir /${parts.slice(0, i + 1).join('/')}`);
    this.#debugfs(
      ...folders,
      `rm ${path}`,
      `write ${source} ${path}`,
      `set_inode_field ${path} mode ${(0o100000 | mode).toString(8).padStart(7, '0')}`,
    );
  }

  read(path: string): string {
    return execFileSync('debugfs', ['-R', `cat ${path}`, `${this.file}?offset=${this.#offset}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  edit(path: string, from: string | RegExp, to: string, mode?: number): void {
    const text = this.read(path);
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`${path} has nothing like ${from}`);
    this.write(path, edited, mode);
  }
}

/** Where the root file system of a raw disk of ours begins. */
export async function rootOffset(file: string): Promise<number> {
  await using disk = await openRawDisk(file);
  const {partitions} = await readPartitions(disk.read, disk.sizeBytes);
  return partitions.at(-1)?.startBytes ?? 0;
}
