/** GRUB without its installer: its images are files of the tools root, and what `grub-bios-setup` would patch is four fields.
 * @see docs/upstream/grub-bios.md, checked with GRUB 2.12 */

/** Modules that the BIOS core image carries: enough to find the root file system and start Linux. */
export const biosModules = [
  ...['biosdisk', 'part_gpt', 'part_msdos', 'ext2', 'search', 'search_fs_uuid', 'normal', 'linux', 'serial'],
  ...['terminal', 'configfile', 'echo', 'test', 'boot', 'ls', 'cat', 'reboot', 'halt', 'gzio', 'zstd'],
];

/** Finds the root file system, then reads the configuration there. */
export function earlyConfiguration(rootFilesystem: string): string {
  return `search.fs_uuid ${rootFilesystem} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`;
}

/** /boot/grub/grub.cfg. The kernel's links, not its file names, stand in it: a new kernel needs no new configuration. */
export function grubConfiguration(rootFilesystem: string, kernelArguments: readonly string[]): string {
  return `set timeout=0
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
search --no-floppy --fs-uuid --set=root ${rootFilesystem}
linux /vmlinuz root=UUID=${rootFilesystem} ro ${kernelArguments.join(' ')}
initrd /initrd.img
boot
`;
}

/** @param espVolume Eight hexadecimal digits. */
export function fileSystemTable(rootFilesystem: string, espVolume: string): string {
  const esp = `${espVolume.slice(0, 4)}-${espVolume.slice(4)}`.toUpperCase();
  return `UUID=${rootFilesystem} / ext4 defaults,discard,errors=remount-ro,x-systemd.growfs 0 1
UUID=${esp} /boot/efi vfat noauto,umask=0077 0 2
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
