import {describe, expect, it} from 'vitest';
import {type BootRecord, causeOf, emptyRecord, isOver, readConsoleLine} from './console.js';

/** Reads lines that come a second apart, the first after one second. */
function read(...lines: readonly string[]): BootRecord {
  return lines.reduce((record, line, index) => readConsoleLine(record, line, (index + 1) * 1000), emptyRecord);
}

describe('a console', () => {
  it('tells milestones with the time of their line', () => {
    const record = read(
      '\u001b[H\u001b[J[    0.000000] Linux version 6.12.1-cloud-amd64 (debian)',
      'TROVESTACK {"milestone":"userspace","uptime":12.26}\r',
      'TROVESTACK {"milestone":"user data","uptime":28.05}',
    );
    expect(record.milestones).toEqual([
      {name: 'kernel', atMs: 1000},
      {name: 'userspace', atMs: 2000},
      {name: 'user data', atMs: 3000},
    ]);
    expect(isOver(record)).toBe(false);
  });

  it('tells a milestone that shares its line with other output', () => {
    const record = read('[   12.1] systemd[1]: Starting TROVESTACK {"milestone":"docker","uptime":12.26}');
    expect(record.milestones).toEqual([{name: 'docker', atMs: 1000}]);
  });

  it('tells each milestone once, at its first time', () => {
    const line = 'TROVESTACK {"milestone":"docker","uptime":1}';
    expect(read(line, line).milestones).toEqual([{name: 'docker', atMs: 1000}]);
  });

  it('is done when the database has answered', () => {
    const record = read('TROVESTACK {"answer":"11.8.6-MariaDB-0+deb13u1 from Debian","uptime":84.21}');
    expect(record.answer).toBe('11.8.6-MariaDB-0+deb13u1 from Debian');
    expect(record.milestones.at(-1)).toEqual({name: 'database answers', atMs: 1000});
    expect(isOver(record)).toBe(true);
  });

  it('passes over a torn telling', () => {
    expect(read('TROVESTACK {"milestone":"doc{}').milestones).toEqual([]);
  });

  it.each([
    ['[    9.1] Kernel panic - not syncing: Attempted to kill init!', 'the kernel panicked: Attempted to kill init!'],
    ['No bootable device.', 'the firmware found no bootloader'],
    ['BdsDxe: No bootable option or device was found.', 'the firmware found no bootloader'],
    [
      'error: loader/i386/linux.c:you need to load the kernel first.',
      'the bootloader stopped: you need to load the kernel first',
    ],
    [
      'ALERT!  UUID=1111 does not exist.  Dropping to a shell!',
      'the kernel found no root file system: UUID=1111 does not exist',
    ],
    ['You are in emergency mode. After logging in, type', 'the system entered emergency mode'],
    [
      'TROVESTACK {"proof failed":"the guest has no container image mariadb:11.8","uptime":40}',
      'the guest has no container image mariadb:11.8',
    ],
  ])('knows a boot that goes no further: %s', (line, cause) => {
    const record = read(line);
    expect(record.failure).toBe(cause);
    expect(isOver(record)).toBe(true);
    expect(causeOf(record, 'machine stopped', 1000)).toBe(cause);
  });

  it('keeps the first failure as the cause', () => {
    const record = read('No bootable device.', 'Kernel panic - not syncing: later');
    expect(record.failure).toBe('the firmware found no bootloader');
  });

  it('keeps its last lines without control sequences', () => {
    const {tail} = read('\u001b[0;32m  OK  \u001b[0m Reached target', '', 'next');
    expect(tail).toEqual(['  OK   Reached target', 'next']);
  });
});

describe('the cause of a boot without an answer', () => {
  it('is a unit that failed, with the last line of its journal', () => {
    const record = read(
      'TROVESTACK {"failed":"docker.service","uptime":40.0,"line":"Starting up"}',
      'TROVESTACK {"failed":"docker.service","uptime":40.0,"line":"no space left on device"}',
      'TROVESTACK {"failed":"docker.service","uptime":40.0}',
    );
    expect(causeOf(record, 'time is up', 60_000)).toBe('docker.service failed: no space left on device');
  });

  it('is the silence after the last milestone', () => {
    const record = read('TROVESTACK {"milestone":"agent","uptime":40}');
    expect(causeOf(record, 'time is up', 60_000)).toBe('nothing more happened within 60 s, after "agent"');
  });

  it('is the end of the machine when it stopped by itself', () => {
    expect(causeOf(emptyRecord, 'machine stopped', 60_000)).toBe('the machine stopped, before any sign of a kernel');
  });
});
