import {describe, expect, it} from 'vitest';
import {type Machine, machineScript, qemuArguments} from './machine.js';

const machine: Machine = {
  firmware: 'bios',
  accelerator: 'tcg',
  memoryMiB: 1024,
  cpus: 2,
  image: {path: '/image', format: 'qcow2'},
  changes: '/var/tmp/changes.qcow2',
  volume: '/var/tmp/volume.raw',
  configDrive: '/var/tmp/config.iso',
  firmwareVariables: '/var/tmp/variables.fd',
  credentials: {'a.name': 'text'},
  uuid: '9f4b0f0e-0000-4000-8000-000000000001',
  network: 'nowhere',
  life: 'one boot',
  console: 'told',
};

describe('a machine', () => {
  it('changes another file than its image, and reaches no network', () => {
    const line = qemuArguments(machine).join(' ');
    expect(line).toContain('-drive if=virtio,format=qcow2,cache=unsafe,file=/var/tmp/changes.qcow2');
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

  it('is known as a guest of OpenStack', () => {
    const line = qemuArguments(machine).join(' ');
    expect(line).toContain('product=OpenStack Nova,serial=9f4b0f0e-0000-4000-8000-000000000001');
  });

  it('has ports in its own world, and reaches what listens there', () => {
    const line = qemuArguments({...machine, network: {ports: [3306]}}).join(' ');
    expect(line).toContain('-netdev user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:3306-:3306');
    expect(line).not.toContain('restrict');
  });

  it('boots once more only when that was asked for', () => {
    const lines = machineScript({...machine, life: 'restarted'}, '/drive', 1, ['ip link set lo up']).split('\n');
    expect(lines.slice(4).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'ip link set',
      expect.stringMatching(/^'qemu-system-x86_64' /),
      '[ -e /run/restart',
      expect.stringMatching(/^exec 'qemu-system-x86_64'/),
    ]);
    expect(lines[5]).toContain("'-qmp' 'unix:/run/machine.sock,server=on,wait=off'");
  });

  it('hands credentials over by SMBIOS', () => {
    expect(qemuArguments(machine)).toContain('type=11,value=io.systemd.credential.binary:a.name=dGV4dA==');
  });

  it('is laid out by a script that ends as QEMU', () => {
    const lines = machineScript(machine, '/drive', 1).split('\n');
    expect(lines[1]).toContain("'-volid' 'config-2' '-output' '/var/tmp/config.iso' '/drive'");
    expect(lines[2]).toBe("qemu-img create '-q' '-f' 'qcow2' '-b' '/image' '-F' 'qcow2' '/var/tmp/changes.qcow2'");
    expect(lines[3]).toBe("truncate --size=1G '/var/tmp/volume.raw'");
    expect(lines.at(-1)).toMatch(/^exec 'qemu-system-x86_64' /);
  });
});
