import {UsageError} from '../base/index.js';
import type {Architecture, IdentifiedBy} from '../image/index.js';
import {identity} from './fstab.js';
import type {IdentifiedFilesystem} from './layout.js';

/** GRUB without its installer: its images are files of the tools root, and what `grub-bios-setup` would patch is four fields.
 * @see docs/upstream/grub-bios.md, checked with GRUB 2.12 */

/** Modules that the BIOS core image carries: enough to find the boot file system and start Linux. */
export const biosModules = [
  ...['biosdisk', 'part_gpt', 'part_msdos', 'ext2', 'fat', 'search', 'search_fs_uuid', 'normal', 'linux', 'serial'],
  ...['terminal', 'configfile', 'echo', 'test', 'boot', 'ls', 'cat', 'reboot', 'halt', 'gzio', 'zstd'],
];

/** What a boot loader is to do. */
export interface BootSettings {
  /** Seconds that the menu waits; 0 starts at once. */
  readonly timeoutSeconds: number;
  /** Kernel arguments after `root=… ro`. */
  readonly kernelArguments: readonly string[];
}

/** The boot settings that upstream's element `bootloader` makes of its variables.
 * @param variables As the elements' environment.d leaves them.
 * @throws {UsageError} `bad-argument` for a timeout that is no number of seconds.
 */
export function upstreamBootSettings(
  variables: Readonly<Record<string, string | undefined>>,
  architecture: Architecture,
): BootSettings {
  const serial = architecture === 'arm64' ? 'ttyAMA0,115200' : 'ttyS0,115200';
  const terminal = variables.DIB_BOOTLOADER_VIRTUAL_TERMINAL ?? 'tty0';
  const more = (variables.DIB_BOOTLOADER_DEFAULT_CMDLINE ?? '').split(/\s+/).filter(Boolean);
  const consoles = [terminal, variables.DIB_BOOTLOADER_SERIAL_CONSOLE || serial].filter(Boolean);
  return {
    timeoutSeconds: timeout(variables.DIB_GRUB_TIMEOUT || '5'),
    kernelArguments: [...consoles.map((name) => `console=${name}`), 'no_timer_check', ...more],
  };
}

/** -1 waits for ever. */
function timeout(text: string): number {
  if (/^(-1|\d+)$/.test(text)) return Number(text);
  throw new UsageError('bad-argument', {
    argument: `DIB_GRUB_TIMEOUT=${text}`,
    problem: 'it is no number of seconds',
    next: 'set it to a whole number; -1 waits for ever',
  });
}

/** Where GRUB finds its configuration and the kernel. */
export interface BootPlace {
  readonly filesystem: IdentifiedFilesystem;
  /** Folder of the configuration, as GRUB names it on that file system. */
  readonly folder: string;
  /** Whether /boot is a file system of its own, where links of the root file system don't lead. */
  readonly isOwnFilesystem: boolean;
}

/** @returns undefined when there is no root file system. */
export function bootPlace(filesystems: readonly IdentifiedFilesystem[]): BootPlace | undefined {
  const own = filesystems.find(({mountPoint}) => mountPoint === '/boot');
  const filesystem = own ?? filesystems.find(({mountPoint}) => mountPoint === '/');
  return filesystem && {filesystem, folder: own ? '/grub' : '/boot/grub', isOwnFilesystem: own !== undefined};
}

/** Finds the boot file system, then reads the configuration there. */
export function earlyConfiguration({filesystem, folder}: BootPlace): string {
  return `search.fs_uuid ${filesystem.uuid} root\nset prefix=($root)${folder}\nconfigfile $prefix/grub.cfg\n`;
}

/** Kernel and initramfs, as GRUB names them; an image needs no initramfs. */
export interface BootFiles {
  readonly kernel: string;
  readonly initramfs?: string;
}

/** /boot/grub/grub.cfg.
 * @param root The root file system.
 */
export function grubConfiguration(
  root: IdentifiedFilesystem,
  identifiedBy: IdentifiedBy,
  {filesystem}: BootPlace,
  files: BootFiles,
  {timeoutSeconds, kernelArguments}: BootSettings,
): string {
  const words = [`root=${identity(root, identifiedBy)}`, 'ro', ...kernelArguments].join(' ');
  const initrd = files.initramfs === undefined ? '' : `\n  initrd ${files.initramfs}`;
  return `set default=0
set timeout=${timeoutSeconds}
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
search --no-floppy --fs-uuid --set=root ${filesystem.uuid}
menuentry 'Linux' {
  linux ${files.kernel} ${words}${initrd}
}
`;
}

/** GRUB's two BIOS images, patched for a disk.
 * @param bootImage boot.img, 512 bytes: goes over the first 440 bytes of the disk.
 * @param coreImage Goes to `coreSector`.
 */
export function patchBiosImages(
  bootImage: Uint8Array,
  coreImage: Uint8Array,
  coreSector: number,
): {readonly boot: Buffer; readonly core: Buffer} {
  const boot = Buffer.from(bootImage);
  const core = Buffer.from(coreImage);
  boot.writeBigUInt64LE(BigInt(coreSector), 0x5c); // where the core image starts
  boot.writeUInt8(0xff, 0x64); // the drive that the BIOS booted from
  boot.writeUInt16LE(0x9090, 0x66); // no test for floppies: two NOPs in place of the jump
  core.writeBigUInt64LE(BigInt(coreSector + 1), 0x1f4); // the core image's block list: what follows its first sector
  return {boot: boot.subarray(0, 440), core};
}
