/** A guest's disk, which boots by BIOS and by UEFI. The EFI system partition is the smallest that is FAT32 by the book; the
 * root partition has the type by which systemd-repart knows it.
 */
export function guestBlockDevices(architecture: 'amd64' | 'arm64'): string {
  return `- local_loop:
    name: image0
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: bios
        type: 'EF02'
        size: 1MiB
      - name: esp
        type: 'EF00'
        size: 64MiB
        mkfs:
          type: vfat
          label: ESP
          opts: "-F 32"
          mount:
            mount_point: /boot/efi
            fstab:
              options: "noauto,umask=0077"
              fsck-passno: 2
      - name: root
        type: '${architecture === 'amd64' ? '8304' : '8305'}'
        size: 100%
        mkfs:
          type: ext4
          label: root
          opts: "-m 1 -i 8192 -J size=64"
          mount:
            mount_point: /
            fstab:
              options: "defaults,discard,errors=remount-ro,x-systemd.growfs"
              fsck-passno: 1
`;
}

/** What diskimage-builder takes where no element brings a configuration: one file system on the whole disk. */
export const bareBlockDevices = `- local_loop:
    name: image0
    mkfs:
      name: mkfs_root
      mount:
        mount_point: /
        fstab:
          options: "defaults"
          fsck-passno: 1
`;
