import {describe, expect, it} from 'vitest';
import {parse} from 'yaml';
import {cloudConfig, configDrive, guestConfiguration, loneAgentOptions} from './config-drive.js';

const identity = {guestId: 'the-guest', manager: 'mariadb', datastoreVersion: '11.8', rpcKey: '0123456789abcdef'};

describe('a config drive', () => {
  it('has metadata and user data where guests look for them', () => {
    expect(configDrive(identity, loneAgentOptions).map(({path}) => path)).toEqual([
      'openstack/latest/meta_data.json',
      'openstack/latest/network_data.json',
      'openstack/latest/user_data',
    ]);
  });

  it("writes Trove's files as its owner, encoded", () => {
    const text = cloudConfig([{path: '/etc/trove/conf.d/a.conf', content: '[DEFAULT]\n'}]);
    expect(text.split('\n')[0]).toBe('#cloud-config');
    expect(parse(text)).toEqual({
      write_files: [
        {encoding: 'b64', owner: 'trove:trove', path: '/etc/trove/conf.d/a.conf', content: 'W0RFRkFVTFRdCg=='},
      ],
    });
  });

  it('tells the agent who it is and where its volume is', () => {
    const [info, agent] = guestConfiguration(identity, loneAgentOptions);
    expect(info?.content).toContain('guest_id=the-guest\ndatastore_manager=mariadb\ndatastore_version=11.8\n');
    expect(agent?.content).toContain('[mariadb]\nvolume_support = True\ndevice_path = /dev/vdb\n');
  });
});
