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
  readonly run: (argv: readonly string[]) => Promise<Outcome>;
  /** The disk as a raw file, made when it is first asked for.
   * @throws {StepError} `image-unsound` when its content can't be read.
   */
  readonly raw: () => Promise<RawDisk>;
  /** Gives the programs a file; returns its path as they see it. */
  readonly give: (name: string, text: string) => Promise<string>;
}

/** One file, by its two paths. */
export interface RawDisk {
  /** On this machine; the image itself when that is raw. */
  readonly path: string;
  /** For the programs. */
  readonly inside: string;
}

/** The image as the programs see it. */
export const imageInside = '/image';

export async function openImageTools(disk: DiskFile, workshop: Workshop, world: World): Promise<ImageTools> {
  const tools = await ensureToolsRoot('assembly', workshop, world);
  const scratch = await workshop.work.newFolder();
  const from = await readableByAll(disk, workshop);
  await chmod(scratch, 0o700);
  await ownByNamespace(scratch);
  const run = (argv: readonly string[]) =>
    enter(
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
        argv,
      },
      workshop.sandboxes,
      {signal: world.signal},
    );
  let raw: Promise<RawDisk> | undefined;
  return {
    run,
    raw: () => {
      raw ??=
        disk.format === 'raw' ? Promise.resolve({path: disk.path, inside: imageInside}) : convert(disk, scratch, run);
      return raw;
    },
    give: async (name, text) => {
      await writeFile(join(scratch, name), text, {mode: 0o600, flag: 'wx'}); // never through a link that a program left
      await ownByNamespace(join(scratch, name));
      return `/scratch/${name}`;
    },
  };
}

async function convert(disk: DiskFile, scratch: string, run: ImageTools['run']): Promise<RawDisk> {
  const inside = '/scratch/disk.raw';
  const outcome = await run(['qemu-img', 'convert', '-W', '-f', disk.format, '-O', 'raw', imageInside, inside]);
  if (outcome.exitCode !== 0) {
    if (isDiskFull(outcome.stderr)) throw new HostError('disk-full', {doing: 'unpacking the image', path: scratch});
    const detail = lastLines(outcome.stderr, 3) || describeEnd(outcome);
    throw new StepError('image-unsound', {file: disk.path, check: 'content', detail});
  }
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
