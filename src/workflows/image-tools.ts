import {constants} from 'node:fs';
import {chmod, copyFile, lstat, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {
  Bug,
  describeEnd,
  HostError,
  isDiskFull,
  lastLines,
  type Outcome,
  StepError,
  type World,
} from '../base/index.js';
import type {DiskFile} from '../disk/index.js';
import {enter, ownByNamespace} from '../sandbox/index.js';
import {storeError} from '../store/index.js';
import {ensureToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** Programs of the tools root that see one image, read-only, and a folder between them. Who made the image isn't known: what
 * reads it has no rights here, and no network. */
export interface ImageTools {
  /** @param doing What for, in words that go before "of the image".
   * @param timeoutMs Default: that of the limits.
   * @throws {StepError} `image-over-limit`
   */
  readonly run: (doing: string, argv: readonly string[], timeoutMs?: number) => Promise<Outcome>;
  /** The disk as a raw file, made when it is first asked for.
   * @throws {StepError} `image-unsound` when its content can't be read; `image-over-limit`
   */
  readonly raw: () => Promise<RawDisk>;
  /** Gives the programs a file; returns its path as they see it. */
  readonly give: (name: string, text: string) => Promise<string>;
  readonly limits: ReadingLimits;
}

/** How much may be done for an image: a file of some kilobytes can ask for terabytes, and for years. */
export interface ReadingLimits {
  /** Of its disk that aren't holes. */
  readonly dataBytes: number;
  /** Of each program. */
  readonly memoryBytes: number;
  /** For each program, and for reading its files. */
  readonly timeMs: number;
  /** For trying the passwords that everybody knows. */
  readonly passwordsMs: number;
}

/** Far beyond what a guest image needs, also on a slow machine. */
const readingLimits: ReadingLimits = {
  dataBytes: 64 * 2 ** 30,
  memoryBytes: 4 * 2 ** 30,
  timeMs: 30 * 60_000,
  passwordsMs: 5 * 60_000,
};

/** One file, by its two paths. */
export interface RawDisk {
  /** On this machine; the image itself when that is raw. */
  readonly path: string;
  /** For the programs. */
  readonly inside: string;
}

/** The image as the programs see it. */
export const imageInside = '/image';

export async function openImageTools(
  disk: DiskFile,
  workshop: Workshop,
  world: World,
  limits = readingLimits,
): Promise<ImageTools> {
  const tools = await ensureToolsRoot('assembly', workshop, world);
  const scratch = await workshop.work.newFolder();
  const from = await readableByAll(disk, workshop);
  await chmod(scratch, 0o700);
  await ownByNamespace(scratch);
  const run: ImageTools['run'] = async (doing, argv, timeoutMs = limits.timeMs) => {
    const outcome = await enter(
      {
        name: 'inspection',
        root: tools.tree,
        mounts: [
          {kind: 'bind', at: imageInside, from, readOnly: true},
          {kind: 'bind', at: '/scratch', from: scratch, readOnly: false},
        ],
        network: 'none',
        ids: 'mapped',
        env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1'},
        cwd: '/',
        argv: ['prlimit', `--as=${limits.memoryBytes}`, '--', ...argv],
      },
      workshop.sandboxes,
      {signal: world.signal, timeoutMs},
    );
    const isOutOfMemory = outcome.exitCode !== 0 && noMemory.test(outcome.stderr);
    const memory = isOutOfMemory ? `${inGiB(limits.memoryBytes)} of memory` : undefined;
    const limit = outcome.timedOut ? inTime(timeoutMs) : memory;
    if (limit !== undefined) throw new StepError('image-over-limit', {file: disk.path, doing, limit});
    return outcome;
  };
  let raw: Promise<RawDisk> | undefined;
  return {
    run,
    raw: () => {
      raw ??=
        disk.format === 'raw'
          ? Promise.resolve({path: disk.path, inside: imageInside})
          : convert(disk, scratch, limits, run);
      return raw;
    },
    give: async (name, text) => {
      await writeFile(join(scratch, name), text, {mode: 0o600, flag: 'wx'}); // never through a link that a program left
      await ownByNamespace(join(scratch, name));
      return `/scratch/${name}`;
    },
    limits,
  };
}

/** What programs and their loader say when they get none. */
const noMemory = /cannot allocate memory|memory allocation failed|out of memory|failed to map segment/i;

/** `30 minutes`, `2 s`. */
export function inTime(ms: number): string {
  return ms >= 60_000 ? `${ms / 60_000} minutes` : `${ms / 1000} s`;
}

function inGiB(bytes: number): string {
  return `${bytes / 2 ** 30} GiB`;
}

async function convert(
  disk: DiskFile,
  scratch: string,
  limits: ReadingLimits,
  run: ImageTools['run'],
): Promise<RawDisk> {
  const doing = 'unpacking';
  const readable = (outcome: Outcome) => {
    if (outcome.exitCode === 0) return outcome;
    if (isDiskFull(outcome.stderr)) throw new HostError('disk-full', {doing: 'unpacking the image', path: scratch});
    const detail = lastLines(outcome.stderr, 3) || describeEnd(outcome);
    throw new StepError('image-unsound', {file: disk.path, check: 'content', detail});
  };
  // Before a byte of it is written. As a qcow2 the measure is that of the data; as a raw file it would count holes.
  const measure = ['qemu-img', 'measure', '--output=json', '-f', disk.format, '-O', 'qcow2', imageInside];
  const {required} = JSON.parse(readable(await run(doing, measure)).stdout) as {required: number};
  if (required > limits.dataBytes) {
    throw new StepError('image-over-limit', {file: disk.path, doing, limit: `${inGiB(limits.dataBytes)} of data`});
  }
  const inside = '/scratch/disk.raw';
  readable(await run(doing, ['qemu-img', 'convert', '-W', '-f', disk.format, '-O', 'raw', imageInside, inside]));
  const path = join(scratch, 'disk.raw');
  if (!(await lstat(path)).isFile()) throw new Bug('no-raw-disk', {path});
  return {path, inside};
}

/** A private file is copied for those who have no rights to it. */
async function readableByAll({path}: DiskFile, {work}: Workshop): Promise<string> {
  if (((await stat(path)).mode & 0o004) !== 0) return path;
  const copy = `${await work.newFolder()}/image`;
  try {
    await copyFile(path, copy, constants.COPYFILE_FICLONE);
  } catch (error) {
    throw storeError(error, copy);
  }
  await chmod(copy, 0o600);
  await ownByNamespace(copy);
  return copy;
}
