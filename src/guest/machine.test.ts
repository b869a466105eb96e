import {describe, expect, it} from 'vitest';
import {type Machine, machineScript, qemuArguments} from './machine.js';

const machine: Machine = {
  firmware: 'bios',
  accelerator: 'tcg',
  memoryMiB: 1024,
  cpus: 2,
  image: {path: '/image', format: 'qcow2'},
  volume: '/var/tmp/volume.raw',
  configDrive: '/var/tmp/config.iso',
  firmwareVariables: '/var/tmp/variables.fd',
  credentials: {'a.name': 'text'},
};

describe('a machine', () => {
  it('changes its image in a temporary file only, and reaches no network', () => {
    const line = qemuArguments(machine).join(' ');
    expect(line).toContain('-drive if=virtio,snapshot=on,format=qcow2,file=/image');
    expect(line).toContain('-netdev user,id=net,restrict=on');
  });

  it('leaves out the instruction that old emulators get wrong', () => {
    expect(qemuArguments(machine)).toContain('max,-cx16');
    expect(qemuArguments({...machine, accelerator: 'kvm'})).toContain('host');
  });

  it('has flash memory with UEFI only', () => {
    expect(qemuArguments(machine).join(' ')).not.toContain('pflash');
    expect(qemuArguments({...machine, firmware: 'uefi'}).join(' ')).toContain(
      'if=pflash,unit=1,format=raw,file=/var/tmp/variables.fd',
    );
  });

  it('hands credentials over by SMBIOS', () => {
    expect(qemuArguments(machine)).toContain('type=11,value=io.systemd.credential.binary:a.name=dGV4dA==');
  });

  it('is laid out by a script that ends as QEMU', () => {
    const lines = machineScript(machine, '/drive', 1).split('\n');
    expect(lines[1]).toContain("'-volid' 'config-2' '-output' '/var/tmp/config.iso' '/drive'");
    expect(lines[2]).toBe("truncate --size=1G '/var/tmp/volume.raw'");
    expect(lines.at(-1)).toMatch(/^exec 'qemu-system-x86_64' /);
  });
});
