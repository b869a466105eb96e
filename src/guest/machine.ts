import {shellWords} from '../base/index.js';
import {configDriveLabel} from './config-drive.js';

export type Firmware = 'bios' | 'uefi';
export type Accelerator = 'kvm' | 'tcg';

/** A virtual machine for one boot. Paths are those of the world that it runs in. */
export interface Machine {
  readonly firmware: Firmware;
  readonly accelerator: Accelerator;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Opened read-only; the guest's changes go to a temporary file. */
  readonly image: {readonly path: string; readonly format: 'qcow2' | 'raw'};
  readonly volume: string;
  readonly configDrive: string;
  /** A writable copy of OVMF's variables; only UEFI has them. */
  readonly firmwareVariables: string;
  /** systemd credentials, by name. */
  readonly credentials: Readonly<Record<string, string>>;
}

/** QEMU's command line. The console is on standard output; the guest's network leads nowhere. */
export function qemuArguments(machine: Machine): string[] {
  return [
    ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    // Without graphics the firmware speaks on the serial port too.
    ...['-machine', 'q35,graphics=off', '-serial', 'stdio'],
    ...acceleratorArguments(machine.accelerator),
    ...['-smp', `${machine.cpus}`, '-m', `${machine.memoryMiB}`],
    ...firmwareArguments(machine),
    ...['-drive', `if=virtio,snapshot=on,format=${machine.image.format},file=${escapeComma(machine.image.path)}`],
    ...['-drive', `if=virtio,format=raw,cache=unsafe,file=${machine.volume}`],
    ...['-drive', `if=ide,media=cdrom,format=raw,readonly=on,file=${machine.configDrive}`],
    ...['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
    ...Object.entries(machine.credentials).flatMap(([name, value]) => [
      '-smbios',
      `type=11,value=io.systemd.credential.binary:${name}=${Buffer.from(value).toString('base64')}`,
    ]),
  ];
}

/** All that the emulation offers, but cmpxchg16b: QEMU before 8 emulates it wrongly, and kernels panic. */
function acceleratorArguments(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'max,-cx16'];
}

function firmwareArguments({firmware, firmwareVariables}: Machine): string[] {
  if (firmware === 'bios') return [];
  return [
    ...['-drive', 'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${firmwareVariables}`],
  ];
}

function escapeComma(path: string): string {
  return path.replaceAll(',', ',,');
}

/** A shell script that lays out what the machine needs and becomes QEMU.
 * @param driveFolder Content of the config drive.
 * @param volumeGiB Size of the empty volume.
 */
export function machineScript(machine: Machine, driveFolder: string, volumeGiB: number): string {
  const iso = ['-joliet', '-rock', '-volid', configDriveLabel, '-output', machine.configDrive, driveFolder];
  return [
    'set -eu',
    `xorriso -as mkisofs -quiet ${shellWords(iso)} > /dev/null`,
    `truncate --size=${volumeGiB}G ${shellWords([machine.volume])}`,
    ...(machine.firmware === 'uefi'
      ? [`cp /usr/share/OVMF/OVMF_VARS_4M.fd ${shellWords([machine.firmwareVariables])}`]
      : []),
    `exec ${shellWords(qemuArguments(machine))}`,
  ].join('\n');
}
