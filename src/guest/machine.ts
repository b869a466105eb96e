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
  /** Opened read-only; the guest's changes go to `changes`. */
  readonly image: {readonly path: string; readonly format: 'qcow2' | 'raw'};
  /** Made by the script, and kept from one boot to the next. */
  readonly changes: string;
  readonly volume: string;
  readonly configDrive: string;
  /** A writable copy of OVMF's variables; only UEFI has them. */
  readonly firmwareVariables: string;
  /** systemd credentials, by name. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What the guest's firmware says is its serial number and UUID: Nova's id of it. */
  readonly uuid: string;
  /** Where the guest's network leads: nowhere, or to what listens in the machine's own world, with ports of the guest to be
   * reached on 127.0.0.1 there. */
  readonly network: 'nowhere' | {readonly ports: readonly number[]};
  /** "restarted": a guest that powered itself off is started once more when somebody has asked for it. */
  readonly life: 'one boot' | 'restarted';
  /** Where the serial console is. */
  readonly console: 'told' | 'terminal';
}

/** Socket of a restarted machine's monitor, and the file by which somebody asks for the restart. */
const restart = {socket: '/run/machine.sock', asked: '/run/restart'} as const;

/** QEMU's command line. */
export function qemuArguments(machine: Machine): string[] {
  return [
    ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    // Without graphics the firmware speaks on the serial port too.
    ...['-machine', 'q35,graphics=off', '-serial', machine.console === 'told' ? 'stdio' : 'mon:stdio'],
    ...acceleratorArguments(machine.accelerator),
    ...['-smp', `${machine.cpus}`, '-m', `${machine.memoryMiB}`],
    ...firmwareArguments(machine),
    // What cloud-init knows an OpenStack guest by.
    ...['-smbios', `type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,serial=${machine.uuid}`],
    ...['-uuid', machine.uuid],
    ...['-drive', `if=virtio,format=qcow2,cache=unsafe,file=${machine.changes}`],
    ...['-drive', `if=virtio,format=raw,cache=unsafe,file=${machine.volume}`],
    ...['-drive', `if=ide,media=cdrom,format=raw,readonly=on,file=${machine.configDrive}`],
    ...['-netdev', networkDevice(machine.network), '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
    ...(machine.life === 'restarted' ? ['-qmp', `unix:${restart.socket},server=on,wait=off`] : []),
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

function networkDevice(network: Machine['network']): string {
  if (network === 'nowhere') return 'user,id=net,restrict=on';
  return ['user', 'id=net', 'ipv6=off', ...network.ports.map((port) => `hostfwd=tcp:127.0.0.1:${port}-:${port}`)].join(
    ',',
  );
}

/** A shell script that lays out what the machine needs and runs it.
 * @param driveFolder Content of the config drive.
 * @param volumeGiB Size of the empty volume.
 * @param before Lines that make the world the machine runs in.
 */
export function machineScript(
  machine: Machine,
  driveFolder: string,
  volumeGiB: number,
  before: readonly string[] = [],
): string {
  const {image, changes} = machine;
  const overlay = ['-q', '-f', 'qcow2', '-b', image.path, '-F', image.format, changes];
  const run = shellWords(qemuArguments(machine));
  const iso = ['-joliet', '-rock', '-volid', configDriveLabel, '-output', machine.configDrive, driveFolder];
  return [
    'set -eu',
    `xorriso -as mkisofs -quiet ${shellWords(iso)} > /dev/null`,
    `qemu-img create ${shellWords(overlay)}`,
    `truncate --size=${volumeGiB}G ${shellWords([machine.volume])}`,
    ...(machine.firmware === 'uefi'
      ? [`cp /usr/share/OVMF/OVMF_VARS_4M.fd ${shellWords([machine.firmwareVariables])}`]
      : []),
    ...before,
    ...(machine.life === 'restarted' ? [run, `[ -e ${restart.asked} ] || exit 1`] : []),
    `exec ${run}`,
  ].join('\n');
}
