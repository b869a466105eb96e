import {describe, expect, it} from 'vitest';
import type {Instance} from './instance.js';
import {initialisationPlan, packagesKey, stateKey} from './layers.js';
import {runPlan, settingsOf} from './run-plan.js';
import {addressesIn} from './subnet.js';
import type {SupervisorPlan} from './supervision.js';

const secrets = {admin: 'admin-secret', service: 'service-secret', messaging: 'messaging-secret'};
const addresses = addressesIn('10.211.7.0/24');

function planOf(profile: 'api' | 'full'): SupervisorPlan {
  const instance: Instance = {name: 'test', profile, secrets, layers: []};
  return runPlan(settingsOf(instance, addresses, 'qemu'), addresses);
}

const plans = {
  'api initialisation': initialisationPlan('api', secrets),
  'full initialisation': initialisationPlan('full', secrets),
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
  it('each profile has its own', () => {
    expect(new Set([packagesKey('api'), packagesKey('full'), stateKey('api', {}), stateKey('full', {})]).size).toBe(4);
  });

  it("a changed task changes the state's key", () => {
    expect(stateKey('api', {'seed.py': 'a'})).not.toBe(stateKey('api', {'seed.py': 'b'}));
  });
});
