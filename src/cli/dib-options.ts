import {basename} from 'node:path';
import {type Environment, UsageError} from '../base/index.js';
import {type Architecture, formatEndings, parseFormats} from '../image/index.js';
import type {BuildRequest} from '../workflows/build-image.js';

/** disk-image-create's options as they were typed. */
export interface DibOptions {
  readonly a?: string;
  readonly o?: string;
  readonly t: readonly string[];
  readonly x: number;
  readonly u?: boolean;
  readonly c?: boolean;
  readonly n?: boolean;
  readonly p: readonly string[];
  readonly checksum?: boolean;
  readonly imageSize?: string;
  readonly imageExtraSize?: string;
  readonly imageCache?: string;
  readonly maxOnlineResize?: string;
  readonly minTmpfs?: string;
  readonly mkfsJournalSize?: string;
  readonly mkfsOptions?: string;
  readonly noTmpfs?: boolean;
  readonly offline?: boolean;
  readonly qemuImgOptions?: string;
  readonly rootLabel?: string;
  readonly ramdiskElement?: string;
  readonly installType?: string;
  readonly dockerTarget?: string;
  readonly logfile?: string;
}

/** What a command line of disk-image-create comes to. */
export interface DibCommand {
  readonly request: BuildRequest & {readonly kind: 'elements'};
  /** The environment that the build sees: the caller's, or with `-c` none of it. */
  readonly env: Environment;
  /** What was asked for and changes nothing here, in words. */
  readonly remarks: readonly string[];
  readonly logFile?: string;
  readonly isQuiet: boolean;
}

/** Reads disk-image-create's options with its environment variables. Pure.
 * @param elementsPath Folders of elements in which those not found elsewhere are looked for.
 * @throws {UsageError} `bad-argument`
 */
export function dibCommand(
  elements: readonly string[],
  options: DibOptions,
  callerEnv: Environment,
  elementsPath: readonly string[],
): DibCommand {
  const isCleared = options.c === true || callerEnv.CLEAR_ENV === '1';
  const env = isCleared ? keptWhenCleared(callerEnv) : callerEnv;
  if (elements.length === 0) throw bad('the command line', 'at least one element of a distribution has to be named');
  const architecture = parseArchitecture(options.a ?? env.ARCH);
  const lists = options.t.length > 0 ? options.t : ['qcow2'];
  const formats = parseFormats(lists, '-t');
  const path = imagePath(options.o ?? env.IMAGE_NAME ?? 'image', lists);
  const name = basename(path);
  const journalMiB = wholeNumber('--mkfs-journal-size', options.mkfsJournalSize ?? (env.DIB_JOURNAL_SIZE || '64'));
  const [first = 'qcow2'] = formats;
  const {logfile} = options;
  return {
    request: {
      kind: 'elements',
      name,
      elements: allElements(elements, options.n === true || env.SKIP_BASE === '1', architecture),
      architecture,
      packages: options.p.flatMap((list) => list.split(',')).filter(Boolean),
      environment: hookVariables(options, env),
      elementsPath,
      size: sizeRule(options, env, journalMiB),
      root: {
        type: env.FS_TYPE || 'ext4',
        ...(options.rootLabel ? {label: options.rootLabel} : {}),
        options: mkfsWords(options, env),
        journalMiB,
      },
      output: {
        formats,
        qcow2: {isCompressed: options.u !== true, options: qemuOptions(options.qemuImgOptions ?? env.QEMU_IMG_OPTIONS)},
        dockerTarget: options.dockerTarget ?? name.toLowerCase(),
      },
      outputFile: `${path}.${formatEndings[first]}`,
      hasChecksums: options.checksum === true || env.DIB_CHECKSUM === '1',
      keepsOlder: Number(env.OVERWRITE_OLD_IMAGE || 0) === 0,
    },
    env,
    remarks: remarks(options),
    ...(logfile ? {logFile: logfile} : {}),
    isQuiet: env.DIB_QUIET ? env.DIB_QUIET === '1' : logfile !== undefined,
  };
}

/** What a cleared environment keeps: where programs and this program's own places are. */
function keptWhenCleared(env: Environment): Environment {
  const kept = /^(PATH|HOME|TERM|TROVESTACK_\w+|XDG_\w+)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => kept.test(name)));
}

/** Upstream's `base` first; a disk for `vm` where no element says which. */
function allElements(elements: readonly string[], skipsBase: boolean, architecture: Architecture): string[] {
  const hasDisk = elements.some((name) => name.startsWith('block-device-'));
  const disk = architecture === 'arm64' ? 'block-device-efi' : 'block-device-mbr';
  return [...(skipsBase ? [] : ['base']), ...elements, ...(elements.includes('vm') && !hasDisk ? [disk] : [])];
}

function parseArchitecture(name: string | undefined): Architecture {
  switch (name) {
    case undefined:
    case '':
      return process.arch === 'arm64' ? 'arm64' : 'amd64';
    case 'amd64':
    case 'x86_64':
      return 'amd64';
    case 'arm64':
    case 'aarch64':
      return 'arm64';
    default:
      throw bad(`-a ${name}`, 'images are built for amd64 and arm64', 'leave -a away, or name one of them');
  }
}

/** With one type its ending is no part of the name. */
function imagePath(name: string, lists: readonly string[]): string {
  const types = lists.flatMap((list) => list.split(',')).filter(Boolean);
  const [only] = types;
  return types.length === 1 && name.endsWith(`.${only}`) ? name.slice(0, -`.${only}`.length) : name;
}

/** Variables that hooks see because of options. The caller's own `DIB_*` are handed on elsewhere. */
function hookVariables(options: DibOptions, env: Environment): Record<string, string> {
  const trace = Number(env.DIB_DEBUG_TRACE || 0) + options.x;
  return {
    DIB_DEFAULT_INSTALLTYPE: options.installType ?? (env.DIB_DEFAULT_INSTALLTYPE || 'source'),
    ...(trace > 0 ? {DIB_DEBUG_TRACE: String(trace)} : {}),
    ...(options.offline ? {DIB_OFFLINE: '1'} : {}),
    ...(options.noTmpfs ? {DIB_NO_TMPFS: '1'} : {}),
    ...(options.minTmpfs ? {DIB_MIN_TMPFS: options.minTmpfs} : {}),
  };
}

/** `--image-size` in GiB; `--image-extra-size` in MiB, as upstream's code has it and not its help. */
function sizeRule(options: DibOptions, env: Environment, journalMiB: number) {
  const size = options.imageSize ?? (env.DIB_IMAGE_SIZE || undefined);
  if (size !== undefined) {
    const kib = Math.trunc(positive('--image-size', size) * 2 ** 20);
    return {kind: 'fixed', diskBytes: Math.ceil(kib / 64) * 64 * 1024} as const;
  }
  const extra = options.imageExtraSize ?? (env.DIB_IMAGE_EXTRA_SIZE || undefined);
  const extraMiB = extra === undefined ? undefined : positive('--image-extra-size', extra);
  return {kind: 'upstream', journalMiB, ...(extraMiB === undefined ? {} : {extraMiB})} as const;
}

function mkfsWords(options: DibOptions, env: Environment): string[] {
  const resize = options.maxOnlineResize ?? (env.MAX_ONLINE_RESIZE || undefined);
  const words = (options.mkfsOptions ?? '').split(/\s+/).filter(Boolean);
  return [...(resize === undefined ? [] : ['-E', `resize=${wholeNumber('--max-online-resize', resize)}`]), ...words];
}

/** Options that shape a qcow2 of its own; others would lead out of the file, or need a key. */
const qcow2Options = ['compat', 'cluster_size', 'compression_type', 'lazy_refcounts', 'refcount_bits', 'extended_l2'];

function qemuOptions(list: string | undefined): string[] {
  const given = (list ?? '').split(',').filter(Boolean);
  for (const option of given) {
    const [key = '', value] = option.split('=');
    if (value === undefined) throw bad(`--qemu-img-options ${list}`, `"${option}" is not of the form key=value`);
    if (!qcow2Options.includes(key)) {
      const next = `the keys are ${qcow2Options.join(', ')}`;
      throw bad(`--qemu-img-options ${list}`, `"${key}" cannot be chosen for an image`, next);
    }
  }
  return given;
}

function remarks({imageCache, noTmpfs, minTmpfs, ramdiskElement}: DibOptions): string[] {
  return [
    ...(imageCache === undefined
      ? []
      : ['--image-cache changes nothing: downloads and results are kept in the store (TROVESTACK_STORE)']),
    ...(noTmpfs || minTmpfs !== undefined
      ? ['--no-tmpfs and --min-tmpfs change nothing: builds work in the store, not in a tmpfs']
      : []),
    ...(ramdiskElement === undefined
      ? []
      : ['--ramdisk-element changes nothing: it is an option of ramdisk-image-create']),
  ];
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw bad(`${option} ${text}`, 'it has to be a number above 0');
  return value;
}

function wholeNumber(option: string, text: string): number {
  const value = positive(option, text);
  if (!Number.isInteger(value)) throw bad(`${option} ${text}`, 'it has to be a whole number');
  return value;
}

function bad(argument: string, problem: string, next = 'trovestack image dib --help'): UsageError {
  return new UsageError('bad-argument', {argument, problem, next});
}
