import {shellWords} from '../base/index.js';
import {type DiskLayout, type IdentifiedFilesystem, sectorBytes, sfdiskInput} from './layout.js';
import {mkfsCommand} from './mkfs.js';

/** What the tools root's bash does for an image. The tree is at /tmp/tree, the folder for files at /tmp/out. */

const begin = `set -eu -o pipefail
`;

/** Prints the newest kernel and initramfs in the tree's /boot, a line each; an empty one where there is none. */
export const findBootFiles = `${begin}
cd /tmp/tree/boot 2> /dev/null || { echo; exit; }
newest() { find . -maxdepth 1 -name "$1" ! -name '*.old' -printf '%f\\n' | sort -V | tail -n 1; }
kernel=$(newest 'vmlinuz-*')
echo "$kernel"
for name in "initrd.img-\${kernel#vmlinuz-}" "initramfs-\${kernel#vmlinuz-}.img"; do
  if [ -e "$name" ]; then echo "$name"; break; fi
done
`;

/** Writes fstab. Arguments: its text; `prepareBoot` goes on behind it. */
export const writeFileSystemTable = `${begin}
mkdir -p /tmp/tree/etc
printf '%s' "$1" > /tmp/tree/etc/fstab
shift
`;

/** Puts the boot configuration into the tree, makes GRUB's core image for BIOS, and fills the EFI system partition.
 * Arguments: grub.cfg, early configuration, modules of the core image, kernel and initramfs that the tree's links lead to
 * (empty where GRUB needs no links), folder of the EFI system partition (empty without one).
 */
export const prepareBoot = `
mkdir -p /tmp/tree/boot/grub
printf '%s' "$1" > /tmp/tree/boot/grub/grub.cfg
link() { if [ -n "$2" ] && [ ! -e "/tmp/tree/$1" ] && [ ! -L "/tmp/tree/$1" ]; then ln -s "boot/$2" "/tmp/tree/$1"; fi; }
link vmlinuz "$4"
link initrd.img "$5"
cd /tmp/out
printf '%s' "$2" > early.cfg
grub-mkimage -O i386-pc -p /boot/grub -c early.cfg -o core.img $3
cp /usr/lib/grub/i386-pc/boot.img boot.img
if [ -n "$6" ]; then
  mkdir -p "$6/EFI/BOOT" "$6/EFI/debian"
  cp /usr/lib/shim/shimx64.efi.signed "$6/EFI/BOOT/BOOTX64.EFI"
  cp /usr/lib/shim/mmx64.efi.signed "$6/EFI/BOOT/mmx64.efi"
  cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "$6/EFI/BOOT/grubx64.efi"
  cp early.cfg "$6/EFI/debian/grub.cfg"
fi
`;

/** Folder of the files of a file system that is mounted nowhere. */
export function unmountedFolder(index: number): string {
  return `/tmp/out/content-${index}`;
}

/** Shows each file system's files alone, at /tmp/fs/INDEX: what is mounted in a file system is an empty folder of it. */
function separateFilesystems(filesystems: readonly IdentifiedFilesystem[]): string {
  const lines = filesystems.map(({mountPoint}, index) => {
    const [from, to] = [
      mountPoint === undefined ? unmountedFolder(index) : `/tmp/tree${mountPoint}`,
      `/tmp/fs/${index}`,
    ];
    const show = `mkdir -p ${shellWords([from, to])}; mount --rbind ${shellWords([from, to])}`;
    const isCovered = mountPoint !== undefined && mountPoint !== '/';
    return isCovered ? `${show}; mount -t tmpfs -o mode=0755 none ${shellWords([from])}` : show;
  });
  return `${lines.reverse().join('\n')}\n`; // the deepest first, so that the others show its cover
}

/** Prints what each file system's files take in blocks of 4 KiB, in KiB, a line each. */
export function measureContent(filesystems: readonly IdentifiedFilesystem[]): string {
  const measure = filesystems.map((_, index) => `du -sx --block-size=1K /tmp/fs/${index} | cut -f 1`);
  return `${begin}${separateFilesystems(filesystems)}${measure.join('\n')}\n`;
}

/** Copies a folder into a vfat file system, by names in order. Arguments: the file system as mtools has it, the folder.
 * vfat has neither links nor devices: one of them is an error. */
const fillVfat = `fill_vfat() {
  cd "$2"
  local strange
  strange=$(find . ! -type d ! -type f -print -quit)
  if [ -n "$strange" ]; then echo "a vfat file system cannot hold $strange" >&2; return 1; fi
  find . -newermt "@$SOURCE_DATE_EPOCH" -exec touch --date "@$SOURCE_DATE_EPOCH" {} +
  find . -mindepth 1 -type d | LC_ALL=C sort | while read -r name; do mmd -i "$1" "::/\${name#./}" < /dev/null; done
  find . -type f | LC_ALL=C sort | while read -r name; do mcopy -m -i "$1" "$name" "::/\${name#./}" < /dev/null; done
}
`;

/** Gives an ext file system's top folder the mode and owner that it has in the tree: mke2fs makes it 0755 and root's.
 * Arguments: the file system as debugfs has it, the folder. */
const dressTop = `dress_top() {
  local mode permissions uid gid said shown wanted
  read -r mode permissions uid gid < <(stat --format '%f %a %u %g' "$2")
  if [ "$mode $uid $gid" = '41ed 0 0' ]; then return; fi
  said=$(printf 'set_inode_field <2> %s\\n' "mode 0x$mode" "uid $uid" "gid $gid" | debugfs -w -f - "$1" 2>&1) || :
  # debugfs ends well whatever its commands came to.
  shown=$(debugfs -R 'stat <2>' "$1" 2>&1) || :
  wanted="Mode: +0*$permissions .*User: +$uid +Group: +$gid "
  if [[ $shown =~ $wanted ]]; then return; fi
  printf '%s\\n' "$said" "$shown" >&2
  return 1
}
`;

/** Makes disk.raw: partition table, and every file system with its files, side by side. */
export function makeDisk(layout: DiskLayout): string {
  const table = shellWords([sfdiskInput(layout, 'disk.raw')]);
  const makers = layout.filesystems.map((filesystem, index) => {
    const content = `/tmp/fs/${index}`;
    const offset = filesystem.start * sectorBytes;
    if (filesystem.type !== 'vfat') {
      const make = shellWords(mkfsCommand(filesystem, '/tmp/out/disk.raw', content));
      return `(${make}; dress_top '/tmp/out/disk.raw?offset=${offset}' ${content}) & makers+=($!)`;
    }
    const own = `/tmp/out/filesystem-${index}`;
    return `(truncate --size ${filesystem.size * sectorBytes} ${own}
  ${shellWords(mkfsCommand(filesystem, own, content))} > /dev/null
  (fill_vfat ${own} ${content})
  dd if=${own} of=/tmp/out/disk.raw bs=64K seek=${offset} oflag=seek_bytes conv=notrunc,sparse status=none
  rm ${own}) & makers+=($!)`;
  });
  return `${begin}${fillVfat}${dressTop}${separateFilesystems(layout.filesystems)}
cd /tmp/out
truncate --size ${layout.totalSectors * sectorBytes} disk.raw
${layout.table === 'none' ? '' : `printf '%s' ${table} | sfdisk --quiet disk.raw`}
makers=()
${makers.join('\n')}
for maker in "\${makers[@]}"; do wait "$maker"; done
`;
}

/** How a qcow2 is written. */
export interface Qcow2Options {
  readonly isCompressed: boolean;
  /** For qemu-img's -o. */
  readonly options: readonly string[];
}

/** Makes disk.qcow2. Clusters in order (no -W): equal disks give equal files, whatever the number of coroutines. */
export function convertDisk({isCompressed, options}: Qcow2Options): string {
  const isOld = options.some((option) => /^compat=(0\.10|v2)$/.test(option));
  const isChosen = options.some((option) => option.startsWith('compression_type='));
  const all = [...(isCompressed && !isOld && !isChosen ? ['compression_type=zstd'] : []), ...options];
  const words = [...(isCompressed ? ['-c'] : []), ...(all.length > 0 ? ['-o', all.join(',')] : [])];
  return `${begin}
cd /tmp/out
qemu-img convert -m "$(($(nproc) > 4 ? 8 : $(nproc) * 2))" -f raw -O qcow2 ${shellWords(words)} disk.raw disk.qcow2
`;
}

/** Writes a folder as a tar: names in order, owners by number, nothing younger than the build's date, extended attributes
 * with capabilities and access lists kept. */
const tar = `canonical_tar() {
  tar --create --sort=name --numeric-owner --format=posix --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime \\
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --xattrs --xattrs-include='*' --acls "$@"
}
`;

/** Makes tree.tar, without what the kernel fills. */
export const archiveTree = `${begin}${tar}
canonical_tar --directory=/tmp/tree --exclude=./proc --exclude=./sys --file=/tmp/out/tree.tar .
`;

export const gzipArchive = `${begin}
gzip -9 --no-name < /tmp/out/tree.tar > /tmp/out/tree.tgz
`;

/** More than one thread, always: one alone would cut the content in other places. */
export const zstdArchive = `${begin}
zstd --quiet -9 --threads="$(($(nproc) > 2 ? $(nproc) : 2))" -o /tmp/out/tree.tar.zst /tmp/out/tree.tar
`;

/** Makes tree.docker.tar of the files in /tmp/out/docker and tree.tar. */
export const packDocker = `${begin}${tar}
cd /tmp/out/docker
ln ../tree.tar layer.tar
chmod 644 -- *
canonical_tar --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" --no-xattrs --file=../tree.docker.tar -- *
`;

/** Makes tree.squash. mksquashfs takes SOURCE_DATE_EPOCH for its own date, and for what is younger. */
export const squashTree = `${begin}
mksquashfs /tmp/tree /tmp/out/tree.squash -comp xz -noappend -no-recovery -no-progress -quiet -wildcards -e 'proc/*' 'sys/*' > /dev/null
`;
