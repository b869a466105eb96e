import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {type CauseKind, remedies} from './cause.js';
import {diagnose} from './diagnosis.js';

const folder = new URL('../../tests/fixtures/consoles/', import.meta.url);

/** Console → what it is the console of. */
const kinds: Readonly<Record<string, CauseKind | 'serves'>> = {
  serves: 'serves',
  'no-boot-loader': 'image: no boot loader',
  'no-boot-loader-uefi': 'image: no boot loader',
  'boot-loader': 'image: boot loader',
  kernel: 'image: kernel',
  'root-file-system': 'image: root file system',
  'emergency-mode': 'image: emergency mode',
  network: 'image: network',
  dns: 'image: dns',
  'cloud-init': 'image: cloud-init',
  docker: 'image: docker',
  'docker-access': 'image: docker',
  'agent-not-enabled': 'image: agent not enabled',
  agent: 'image: agent',
  'agent-version': 'image: agent version',
  sudo: 'image: sudo',
  volume: 'image: volume',
  'container-missing': 'image: container missing',
  container: 'image: architecture',
  'disk-full': 'image: disk full',
  memory: 'guest: memory',
  broker: 'cloud: broker',
  'no-call': 'cloud: no call',
  'no-recorder': 'unknown',
};

function read(name: string): string {
  return readFileSync(new URL(`${name}.log`, folder), 'utf8');
}

describe('the diagnosis of a saved console', () => {
  it('is asked of every recording', () => {
    const names = readdirSync(folder).flatMap((name) => (name.endsWith('.log') ? [name.slice(0, -4)] : []));
    expect(names.sort()).toEqual(Object.keys(kinds).sort());
  });

  it.each(Object.entries(kinds))('%s: %s', (name, kind) => {
    const {serves, cause} = diagnose(read(name));
    expect({serves, kind: cause?.kind ?? 'serves', remedy: cause?.remedy}).toEqual({
      serves: kind === 'serves',
      kind,
      remedy: kind === 'serves' ? undefined : remedies[kind],
    });
  });

  it('quotes what was seen', () => {
    expect(diagnose(read('agent')).cause?.detail).toBe("ModuleNotFoundError: No module named 'docker'");
    expect(diagnose(read('dns')).cause?.detail).toContain('Name or service not known');
  });

  it("tells milestones by the guest's own clock", () => {
    const {milestones} = diagnose(read('serves'));
    expect(milestones[0]).toEqual({name: 'kernel', atMs: 0});
    expect(milestones.at(-1)).toEqual({name: 'database listening', atMs: 215_860});
  });

  it('is of the last boot that the console has', () => {
    expect(diagnose(read('network') + read('serves')).serves).toBe(true);
    expect(diagnose(read('serves') + read('boot-loader')).cause?.kind).toBe('image: boot loader');
  });

  it('is of a console with line ends of any kind', () => {
    expect(diagnose(read('dns').replaceAll('\n', '\r\n')).cause?.kind).toBe('image: dns');
  });
});
