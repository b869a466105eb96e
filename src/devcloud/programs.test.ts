import {describe, expect, it} from 'vitest';
import type {Instance} from './instance.js';
import {initialisationPlan, packagesKey, stateKey} from './layers.js';
import {runPlan, settingsOf} from './run-plan.js';
import {chooseCloudSeries} from './series.js';
import {addressesIn} from './subnet.js';
import type {SupervisorPlan} from './supervision.js';

const series = chooseCloudSeries('2025.1', 'full');
const zed = chooseCloudSeries('zed', 'api');
const secrets = {admin: 'admin-secret', service: 'service-secret', messaging: 'messaging-secret'};
const addresses = addressesIn('10.211.7.0/24');

function planOf(profile: 'api' | 'full'): SupervisorPlan {
  const instance: Instance = {name: 'test', profile, secrets, layers: []};
  return runPlan(settingsOf(instance, addresses, 'qemu'), addresses);
}

const plans = {
  'api initialisation': initialisationPlan('api', series, secrets),
  'full initialisation': initialisationPlan('full', series, secrets),
  'api run': planOf('api'),
  'full run': planOf('full'),
};

describe.each(Object.entries(plans))('%s', (_title, plan) => {
  it('every program has a name of its own', () => {
    const names = plan.services.map(({name}) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('every task that a program waits for is in the plan', () => {
    const tasks = new Set(plan.services.filter(({kind}) => kind === 'task').map(({name}) => name));
    for (const {after} of plan.services) {
      for (const condition of after) {
        if (condition.startsWith('done:')) expect(tasks).toContain(condition.slice('done:'.length));
      }
    }
  });

  it('no secret stands in a command line', () => {
    expect(plan.services.flatMap(({argv}) => argv).join(' ')).not.toContain('-secret');
  });

  it('no file with a secret is for everybody', () => {
    const open = plan.files.filter(({text, mode}) => text.includes('-secret') && Number.parseInt(mode, 8) & 0o007);
    expect(open).toEqual([]);
  });
});

describe('plans of profile full', () => {
  it('guests are given the address of the cloud, the services that of their own namespace', () => {
    const text = (path: string) => planOf('full').files.find((file) => file.path === path)?.text;
    expect(text('/etc/trove/trove-guestagent.conf')).toContain('@10.211.7.2:5672/');
    expect(text('/etc/trove/trove.conf')).toContain('@127.0.0.1:5672/');
  });

  it('nova-compute is gone before its guests', () => {
    expect(planOf('full').killFirst).toEqual(['nova-compute']);
  });

  it('guests shut down before their host, where there are any', () => {
    expect(planOf('full').hypervisor).toBe('qemu:///system');
    expect(planOf('api').hypervisor).toBeNull();
  });
});

describe('layer keys', () => {
  it('each profile and each series has its own', () => {
    const choices = [
      ['api', series],
      ['full', series],
      ['api', zed],
    ] as const;
    const keys = choices.flatMap(([profile, of]) => [packagesKey(profile, of), stateKey(profile, of, {})]);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("a changed task changes the state's key", () => {
    expect(stateKey('api', series, {'seed.py': 'a'})).not.toBe(stateKey('api', series, {'seed.py': 'b'}));
  });
});

describe('series', () => {
  it('are run by their own programs, and those that are not known are refused', () => {
    const argv = (name: string, program: string) => {
      const plan = runPlan(
        settingsOf({name: 'test', profile: 'api', series: name, secrets, layers: []}, addresses, 'qemu'),
        addresses,
      );
      return plan.services.find((one) => one.name === program)?.argv.join(' ');
    };
    expect(argv('zed', 'glance')).toContain('/usr/bin/glance-api');
    expect(argv('2026.2', 'glance')).toContain('--wsgi-file /usr/lib/python3/dist-packages/glance/wsgi/api.py');
    expect(() => chooseCloudSeries('2031.1', 'api')).toThrow('no devcloud is made of this series');
    expect(() => chooseCloudSeries('Zed', 'full')).toThrow('with the profile api alone');
  });
});
