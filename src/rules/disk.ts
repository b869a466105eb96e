import type {ExaminedImage} from './examined-image.js';
import {at, fact, type Rule} from './rule.js';

const biosBoot = '21686148-6449-6E6F-744E-656564454649';

export const diskRules: readonly Rule[] = [
  {
    id: 'disk.consistent',
    severity: 'error',
    statement: "the image file's own tables agree",
    reason: 'Clusters that belong to two places, or lie where there are none, are read as the wrong bytes.',
    remedy: 'Build or download the image again; qemu-img check --repair mends a copy of it',
    source: 'qemu-img(1), check',
    find: ({probes}) => (probes.qcow2Problem === undefined ? [] : fact(probes.qcow2Problem)),
  },
  {
    id: 'disk.lost-space',
    severity: 'warning',
    statement: 'all space of the image file is used',
    reason: 'Clusters that nothing uses are stored and copied with the image for nothing.',
    remedy: 'qemu-img convert makes a copy without them',
    source: 'qemu-img(1), check: exit status 3',
    find: ({probes}) => (probes.qcow2Leaks === undefined ? [] : fact(probes.qcow2Leaks)),
  },
  {
    id: 'disk.partition-table',
    severity: 'error',
    statement: 'the disk has a partition table',
    reason:
      'Nova boots an image without a partition table only with a kernel image beside it, which Trove never names.',
    remedy: 'Build with the element "vm", or with trovestack image build, which makes GPT',
    source: "Nova's kernel_id and ramdisk_id; Trove's instance model has neither",
    find: ({content}) => (content.table === 'none' ? fact('one file system fills the disk') : []),
  },
  {
    id: 'disk.bootable',
    severity: 'error',
    statement: 'BIOS or UEFI finds something to start',
    reason: 'The firmware says that there is no bootable device, and the instance stays in BUILD until its time-out.',
    remedy: 'Build with a boot loader (element "bootloader" or ours)',
    source: 'UEFI 2.10 §3.5.1.1; GPT needs a BIOS boot partition for GRUB, MBR has boot code in its first sector',
    find: (image) => (bootsByBios(image) || bootsByUefi(image) ? [] : fact('no boot code and no EFI/BOOT program')),
  },
  {
    id: 'disk.boots-both-ways',
    severity: 'warning',
    statement: 'BIOS and UEFI both find something to start',
    reason: 'A flavor or an image property chooses the firmware; the image serves on one kind only.',
    remedy: 'Build with block-device-efi and a GRUB for BIOS too, or set hw_firmware_type on the image',
    source: "Nova's hw_firmware_type",
    find: (image) => {
      if (image.content.table === 'none' || bootsByBios(image) === bootsByUefi(image)) return [];
      return fact(`it boots by ${bootsByBios(image) ? 'BIOS' : 'UEFI'} alone`);
    },
  },
  {
    id: 'disk.clean-file-system',
    severity: 'error',
    statement: 'the root file system needs no repair',
    reason: 'The guest mounts it read-only at the first error, and nothing can start.',
    remedy: 'Build it again; an image of a running machine has to be shut down first',
    source: 'e2fsck(8); errors=remount-ro',
    find: ({probes}) => (probes.fileSystemProblem === undefined ? [] : fact(probes.fileSystemProblem)),
  },
  {
    id: 'disk.size',
    severity: 'error',
    statement: "the disk fits into the datastore's smallest flavor",
    reason: 'Nova refuses an image whose virtual size is larger than the disk of the flavor.',
    remedy: 'Build it smaller (--image-size), and let the guest grow its root file system',
    source: 'Nova: FlavorDiskSmallerThanImage',
    find: ({content, purpose}) => {
      const limit = (purpose?.diskGiB ?? Number.POSITIVE_INFINITY) * 2 ** 30;
      if (content.virtualSizeBytes <= limit) return [];
      return fact(`${(content.virtualSizeBytes / 2 ** 30).toFixed(1)} GiB, the flavor has ${limit / 2 ** 30} GiB`);
    },
  },
  {
    id: 'disk.fstab-root',
    severity: 'error',
    statement: '/etc/fstab names file systems that the disk has',
    reason: 'The boot waits 90 seconds for a file system that never comes, and ends in emergency mode.',
    remedy: 'Name file systems by their label or UUID, and give "nofail" to those that the image does not bring',
    source: 'systemd.mount(5), fstab',
    find: ({content, text}) => {
      const known = content.partitions.flatMap(({fileSystem, uuid, name}) => [
        `UUID=${fileSystem?.uuid}`,
        `LABEL=${fileSystem?.label}`,
        `PARTUUID=${uuid}`,
        `PARTLABEL=${name}`,
      ]);
      const isRead = content.partitions.every(({fileSystem, sizeBytes}) => fileSystem || sizeBytes <= 2 ** 21);
      const names = new Set(known.map((one) => one.toLowerCase()));
      return fstabLines(text('/etc/fstab') ?? '').flatMap(({source, where, type, options}) => {
        // What an MBR's partitions and foreign file systems are called isn't known here.
        const kinds = content.table === 'gpt' && isRead ? /^(UUID|LABEL|PARTUUID|PARTLABEL)=/ : /^UUID=/;
        const isByName = kinds.test(source) && type !== 'swap';
        const isNeeded = !options.some((option) => option === 'nofail' || option === 'noauto');
        if (!isByName || !isNeeded || names.has(source.replaceAll('"', '').toLowerCase())) return [];
        return [at('/etc/fstab', `${where}: no file system of the disk is ${source}`)];
      });
    },
  },
  {
    id: 'disk.grows',
    severity: 'warning',
    statement: 'the root file system grows to the size of its flavor',
    reason: 'Containers and logs fill what little room the image has.',
    remedy: 'Add systemd-repart with x-systemd.growfs (as our elements do), or cloud-init with growpart',
    source: 'systemd-repart(8); cloud-init: growpart, resizefs',
    find: ({entry, text, packages}) => {
      const byRepart = entry('/usr/bin/systemd-repart') && /x-systemd\.growfs/.test(text('/etc/fstab') ?? '');
      const byCloudInit = packages.has('cloud-guest-utils') || entry('/usr/bin/growpart') !== undefined;
      return byRepart || byCloudInit ? [] : fact('neither systemd-repart with growfs nor growpart');
    },
  },
];

function bootsByBios({content}: ExaminedImage): boolean {
  return content.hasBootCode && (content.table === 'mbr' || content.partitions.some(({type}) => type === biosBoot));
}

function bootsByUefi({probes}: ExaminedImage): boolean {
  return (probes.uefiPrograms ?? []).some((name) => /^BOOT(X64|AA64)\.EFI$/i.test(name));
}

function fstabLines(text: string) {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [source = '', where = '', type = '', options = ''] = line.split(/\s+/);
      return {source, where, type, options: options.split(',')};
    });
}
