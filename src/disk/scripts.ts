/** What the tools root does for a disk. The tree is at /tmp/tree, the folder for files at /tmp/out. */

/** Puts the boot configuration into the tree; makes GRUB's core image and the EFI system partition.
 * Arguments: fstab, grub.cfg, early configuration, modules of the core image, FAT volume id, size of the ESP in MiB.
 * Prints the tree's size in MiB.
 */
export const prepareBoot = `set -eu
cd /tmp/out
printf '%s' "$1" > /tmp/tree/etc/fstab
printf '%s' "$2" > /tmp/tree/boot/grub/grub.cfg
printf '%s' "$3" > early.cfg
grub-mkimage -O i386-pc -p /boot/grub -c early.cfg -o core.img $4
cp /usr/lib/grub/i386-pc/boot.img boot.img
mkfs.vfat -F 32 --invariant -i "$5" -n ESP -C esp.img "$(($6 * 1024))" > /dev/null
mkdir -p esp/EFI/BOOT esp/EFI/debian
cp /usr/lib/shim/shimx64.efi.signed esp/EFI/BOOT/BOOTX64.EFI
cp /usr/lib/shim/mmx64.efi.signed esp/EFI/BOOT/mmx64.efi
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed esp/EFI/BOOT/grubx64.efi
cp early.cfg esp/EFI/debian/grub.cfg
find esp -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
cd esp
TZ=UTC mcopy -i ../esp.img -s -p -m EFI ::/
du -sx --block-size=1M /tmp/tree | cut -f 1
`;

/** Makes disk.raw: partition table, EFI system partition, root file system.
 * Arguments: size of the disk in bytes, sfdisk's input, first sector of the ESP, of the root partition, size of the root
 * file system in MiB, its UUID.
 */
export const makeDisk = `set -eu
cd /tmp/out
truncate --size "$1" disk.raw
printf '%s' "$2" | sfdisk --quiet disk.raw
dd if=esp.img of=disk.raw bs=512 seek="$3" conv=notrunc,sparse status=none
mke2fs -q -t ext4 -F -L root -U "$6" -E "hash_seed=$6,root_owner=0:0,offset=$(($4 * 512))" -m 1 -i 8192 -J size=64 \\
  -d /tmp/tree disk.raw "$5M"
`;

/** Makes disk.qcow2. Compressed clusters in order (no -W): equal disks give equal files. */
export const compressDisk = `set -eu
cd /tmp/out
qemu-img convert -m 2 -O qcow2 -c -o compression_type=zstd disk.raw disk.qcow2
rm disk.raw
`;
