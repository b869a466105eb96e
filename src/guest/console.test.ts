import {describe, expect, it} from 'vitest';
import {describeCause} from './cause.js';
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

  it('tells them once more after a restart', () => {
    const line = (name: string) => `TROVESTACK {"milestone":"${name}"}`;
    const record = read(line('docker'), line('powered off'), line('docker'), line('docker'));
    expect(record.milestones.map(({name}) => name)).toEqual(['docker', 'powered off', 'docker again']);
  });

  it('is over when the proof itself failed, which is no cause', () => {
    const record = read('TROVESTACK {"control plane failed": "RuntimeError: RabbitMQ did not come up"}');
    expect({isOver: isOver(record), failure: record.failure, broken: record.broken}).toEqual({
      isOver: true,
      failure: undefined,
      broken: 'RuntimeError: RabbitMQ did not come up',
    });
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
    [
      '[    9.1] Kernel panic - not syncing: Attempted to kill init!',
      'image: kernel: the kernel panicked: Attempted to kill init!',
    ],
    [
      '[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
      'image: root file system: the kernel panicked: Unable to mount root fs on unknown-block(0,0)',
    ],
    ['No bootable device.', 'image: no boot loader: the firmware found none'],
    ['BdsDxe: No bootable option or device was found.', 'image: no boot loader: the firmware found none'],
    [
      'error: loader/i386/linux.c:you need to load the kernel first.',
      'image: boot loader: you need to load the kernel first.',
    ],
    [
      "error: fs/fshelp.c:find_file:260:file `/boot/vmlinuz-6' not found.",
      "image: boot loader: file `/boot/vmlinuz-6' not found.",
    ],
    ['ALERT!  UUID=1111 does not exist.  Dropping to a shell!', 'image: root file system: UUID=1111 does not exist'],
    ['You are in emergency mode. After logging in, type', 'image: emergency mode: the system entered it'],
    [
      'TROVESTACK {"proof failed":"the guest has no container image mariadb:11.8","uptime":40}',
      'image: container missing: the guest has no container image mariadb:11.8',
    ],
    ['TROVESTACK {"proof failed":"nobody answers","cause":"image: port"}', 'image: port: nobody answers'],
  ])('knows a boot that goes no further: %s', (line, cause) => {
    const record = read(line);
    expect(record.failure && describeCause(record.failure)).toBe(cause);
    expect(isOver(record)).toBe(true);
    expect(describeCause(causeOf(record, 'the machine stopped'))).toBe(cause);
  });

  it('keeps the first failure as the cause', () => {
    const record = read('No bootable device.', 'Kernel panic - not syncing: later');
    expect(record.failure?.kind).toBe('image: no boot loader');
  });

  it('keeps its last lines without control sequences', () => {
    const {tail} = read('\u001b[0;32m  OK  \u001b[0m Reached target', '', 'next');
    expect(tail).toEqual(['  OK   Reached target', 'next']);
  });
});

describe('the cause of a boot without an answer', () => {
  const boot = ['TROVESTACK {"milestone":"userspace"}', 'TROVESTACK {"milestone":"network"}'];

  it('is a unit that failed, with the last line of its journal', () => {
    const record = read(
      'TROVESTACK {"failed":"docker.service","uptime":40.0,"line":"Starting up"}',
      'TROVESTACK {"failed":"docker.service","uptime":40.0,"line":"unable to configure the daemon"}',
      'TROVESTACK {"failed":"docker.service","uptime":40.0}',
    );
    expect(causeOf(record, 'silence')).toEqual({
      kind: 'image: docker',
      detail: 'docker.service failed: unable to configure the daemon',
    });
  });

  it('is what the journal of that unit tells, where it tells more', () => {
    const record = read('TROVESTACK {"failed":"docker.service","line":"mkdir: No space left on device"}');
    expect(causeOf(record, 'silence').kind).toBe('image: disk full');
  });

  it('is the trouble of a unit that goes on trying', () => {
    const line =
      'ERROR oslo.messaging [-] Connection failed: [Errno -2] Name or service not known (retrying in 1.0 seconds)';
    const record = read(...boot, `TROVESTACK {"trouble":"trove-guestagent.service","line":"${line}"}`);
    expect(causeOf(record, 'silence')).toEqual({kind: 'image: dns', detail: line});
  });

  it('is not a unit that a database does without, when a point was not reached', () => {
    const record = read(
      ...boot,
      'TROVESTACK {"failed":"trove-guestagent.service","line":"x"}',
      '[FAILED] Failed to start apt-daily.service',
    );
    expect(causeOf(record, 'silence')).toEqual({kind: 'image: agent', detail: 'trove-guestagent.service failed: x'});
  });

  it('is the first point on the way that was not reached', () => {
    expect(causeOf(read(...boot), 'the console ends')).toEqual({
      kind: 'image: cloud-init',
      detail: 'the user data was not written (the console ends, after "network")',
    });
  });

  it('is what the control plane saw nothing of, once there is one', () => {
    const all = ['userspace', 'network', 'user data', 'docker', 'agent', 'volume mounted', 'control plane ready'];
    const lines = all.map((name) => `TROVESTACK {"milestone":"${name}"}`);
    expect(causeOf(read(...lines), 'silence').kind).toBe('image: dns');
    expect(causeOf(read(...lines, 'TROVESTACK {"milestone":"name asked"}'), 'silence').kind).toBe('image: agent');
  });

  it('is what the control plane saw, of a guest without a flight recorder', () => {
    const lines = ['control plane ready', 'name asked', 'agent connected', 'prepare begun'];
    const record = read(...lines.map((name) => `TROVESTACK {"milestone":"${name}"}`));
    expect(causeOf(record, 'silence').kind).toBe('image: database');
  });

  it('is not known of a console that tells of the kernel alone', () => {
    expect(causeOf(read('[    0.0] Linux version 6.1'), 'the console ends')).toEqual({
      kind: 'unknown',
      detail: 'the console ends, after "kernel"',
    });
    expect(causeOf(emptyRecord, 'the machine stopped').detail).toBe('the machine stopped, before any sign of a kernel');
  });
});
