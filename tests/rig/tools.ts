import {dirname} from 'node:path';
import {type Outcome, pathsFrom, type World} from '../../src/base/index.js';
import {readDiskFile} from '../../src/disk/index.js';
import type {ImageContent} from '../../src/inspection/index.js';
import {enter, type Tree} from '../../src/sandbox/index.js';
import {readImage} from '../../src/workflows/read-image.js';
import {ensureToolsRoot, type ToolsPurpose} from '../../src/workflows/tools-root.js';
import {openWorkshop, type Workshop} from '../../src/workflows/workshop.js';
import {home} from './trovestack.js';

/** Programs of the tools root, for looking at images: this machine needn't have them. */
export interface Tools extends AsyncDisposable {
  /** Runs bash with a folder at /files, whose content isn't changed; returns its standard output. */
  run(folder: string, script: string): Promise<string>;
  /** Boots a disk image in an emulated machine without network; the image isn't changed.
   * @returns The lines of the serial console until the machine was ended, or ended itself.
   */
  boot(boot: Boot): Promise<string[]>;
  /** All that a disk image holds. */
  content(disk: string): Promise<ImageContent>;
}

export interface Boot {
  readonly disk: string;
  readonly format: 'qcow2' | 'raw';
  readonly firmware: 'bios' | 'uefi';
  /** Ends the machine. */
  readonly until: RegExp;
  readonly timeoutMs: number;
}

/** @param store Where the roots are kept. */
export async function openTools(store: string): Promise<Tools> {
  const env = {...process.env, TROVESTACK_STORE: store};
  const world: World = {emit() {}, signal: new AbortController().signal, env, paths: pathsFrom(env, home)};
  const workshop = await openWorkshop(world);
  const rootFor = async (purpose: ToolsPurpose) => (await ensureToolsRoot(purpose, workshop, world)).tree;
  return {
    async run(folder, script) {
      const outcome = await inTools(await rootFor('assembly'), folder, ['bash', '--norc', '-c', script], workshop);
      if (outcome.exitCode !== 0) throw new Error(`${script}\n${outcome.stderr}`);
      return outcome.stdout;
    },
    async boot(boot) {
      const seen = new AbortController();
      const lines: string[] = [];
      const onLine = (line: string) => {
        lines.push(line.trimEnd());
        if (boot.until.test(line)) seen.abort();
      };
      const options = {signal: seen.signal, timeoutMs: boot.timeoutMs, onLine};
      try {
        await inTools(await rootFor('machines'), dirname(boot.disk), qemuArguments(boot), workshop, options);
      } catch (error) {
        if (!seen.signal.aborted) throw error;
      }
      return lines;
    },
    async content(disk) {
      return (await readImage(await readDiskFile(disk), workshop, world)).content;
    },
    [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose](),
  };
}

const firmwareArguments = {
  bios: [],
  uefi: ['-drive', 'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
};

function qemuArguments({disk, format, firmware}: Boot): string[] {
  return [
    ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-machine', 'q35,graphics=off', '-accel', 'tcg', '-cpu', 'max,-cx16', '-m', '512'],
    ...firmwareArguments[firmware],
    ...['-drive', `if=virtio,snapshot=on,format=${format},file=/files/${disk.slice(dirname(disk).length + 1)}`],
  ];
}

function inTools(
  root: Tree,
  folder: string,
  argv: readonly string[],
  workshop: Workshop,
  options: Parameters<typeof enter>[2] = {},
): Promise<Outcome> {
  const spec = {
    name: 'tools',
    root,
    mounts: [{kind: 'bind', at: '/files', from: folder, readOnly: true}],
    network: 'none',
    ids: 'host',
    env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TMPDIR: '/var/tmp', MTOOLS_SKIP_CHECK: '1'},
    cwd: '/files',
    argv,
  } as const;
  return enter(spec, workshop.sandboxes, options);
}
