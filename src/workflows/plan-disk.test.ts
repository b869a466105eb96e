import {describe, expect, test, vi} from 'vitest';
import {sha256} from '../base/index.js';
import {bareBlockDevices, parseBlockDevices} from '../disk/index.js';
import type {Element} from '../element/index.js';
import {defineElementImage} from '../image/index.js';
import {diskKey, diskVariables, imageKey, planDisk} from './plan-disk.js';

const bootloader: Element = {
  name: 'bootloader',
  folder: '/elements/bootloader',
  summary: '',
  dependencies: [],
  provides: [],
  files: [],
  packages: [],
};

const definition = defineElementImage({name: 'x', elements: ['bootloader'], architecture: 'amd64'});
const devices = await parseBlockDevices('test', bareBlockDevices, definition.disk.root);

describe('the disk of an image of elements', () => {
  test('has a boot loader where the element is, as its variables say', () => {
    const plan = planDisk(definition, devices, [bootloader], {DIB_GRUB_TIMEOUT: '1'});
    expect(plan).toMatchObject({identifiedBy: 'label', size: {kind: 'upstream'}, boot: {timeoutSeconds: 1}});
    expect(planDisk(definition, devices, [], {})).not.toHaveProperty('boot');
  });

  test('has a boot timeout in seconds, or is refused', () => {
    const of = (text: string) =>
      planDisk(definition, devices, [bootloader], {DIB_GRUB_TIMEOUT: text}).boot?.timeoutSeconds;
    expect([of(''), of('0'), of('-1')]).toEqual([5, 0, -1]);
    for (const text of ['x', 'NaN', '1e3', '-2']) expect(() => of(text)).toThrow(`DIB_GRUB_TIMEOUT=${text}`);
  });

  test('boots on amd64 only', () => {
    const other = defineElementImage({name: 'x', elements: [], architecture: 'arm64'});
    expect(() => planDisk(other, devices, [bootloader], {})).toThrow('the tools root has GRUB for amd64 only');
    expect(planDisk(other, devices, [], {})).not.toHaveProperty('boot');
  });

  test("is told to hooks by upstream's variables", () => {
    expect(diskVariables(devices)).toEqual({
      DIB_MOUNTPOINTS: '/',
      DIB_ROOT_FSTYPE: 'ext4',
      DIB_ROOT_LABEL: 'cloudimg-rootfs',
    });
  });

  test('is the same disk whatever formats are asked for', () => {
    const plan = planDisk(definition, devices, [], {});
    const disk = diskKey(sha256('tree'), plan, sha256('tools'));
    const output = {formats: ['qcow2'], qcow2: {isCompressed: true, options: []}, dockerTarget: 'x'} as const;
    expect(imageKey(disk, output)).not.toBe(imageKey(disk, {...output, formats: ['raw']}));
    expect(diskKey(sha256('tree'), {...plan, size: {kind: 'fixed', diskBytes: 1}}, sha256('tools'))).not.toBe(disk);
  });

  test('is another disk when what makes disks changed', async () => {
    const plan = planDisk(definition, devices, [], {});
    const keyOf = (make: typeof diskKey) => make(sha256('tree'), plan, sha256('tools'));
    vi.resetModules();
    vi.doMock('../disk/index.js', async (original) => ({...(await original<object>()), diskTexts: () => 'other'}));
    const changed = await import('./plan-disk.js');
    vi.doUnmock('../disk/index.js');
    expect(keyOf(changed.diskKey)).not.toBe(keyOf(diskKey));
  });
});
