import {describe, expect, it} from 'vitest';
import {deviceName} from './host-network.js';
import {checkName, newSecrets} from './instance.js';

describe('devcloud', () => {
  it.each(['devcloud', 'a', 'two-2', '9lives'])('%j is a name', (name) => expect(() => checkName(name)).not.toThrow());

  it.each(['', 'Upper', '-x', '../x', 'a b', 'a'.repeat(32)])('%j is no name', (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({code: 'bad-argument'}));
  });

  it('the network device is named after the folder, within the 15 characters that the kernel takes', () => {
    const name = deviceName('/state/devclouds/devcloud');
    expect(name).toMatch(/^ts-[0-9a-f]{10}$/);
    expect(deviceName('/other/devclouds/devcloud')).not.toBe(name);
  });

  it('each secret is new', () => {
    const all = [newSecrets(), newSecrets()].flatMap((secrets) => Object.values(secrets));
    expect(new Set(all).size).toBe(6);
  });
});
