import {describe, expect, test} from 'vitest';
import {compareImages} from './compare.js';
import type {ImageContent} from './content.js';
import {orderListing, type TreeEntry} from './listing.js';

const file = (path: string, content: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: content.length,
  modifiedAt: 0,
  sha256: content as never,
  ...more,
});

function image(files: readonly TreeEntry[], texts: Record<string, string> = {}): ImageContent {
  const partitions = [{number: 1, startBytes: 1048576, sizeBytes: 2 ** 30, type: '83', mountPoint: '/'}];
  return {
    form: 4,
    hasBootCode: true,
    virtualSizeBytes: 2 ** 31,
    table: 'mbr',
    partitions,
    listing: orderListing(files),
    texts,
    notes: [],
  };
}

const unit = (name: string) => `/usr/lib/systemd/system/${name}`;
const wants = (name: string, more: Partial<TreeEntry> = {}) =>
  file(`/etc/systemd/system/multi-user.target.wants/${name}`, '', {type: 'link', target: unit(name), ...more});
const installable = '[Install]\nWantedBy=multi-user.target\n';
const installed = (name: string, version: string) =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`;

describe('two images', () => {
  test('that hold the same are equal', () => {
    const one = image([file('/etc/a', 'a')]);
    expect(compareImages(one, structuredClone(one))).toMatchObject({isEqual: true, disk: [], units: []});
  });

  test('differ in files: content, mode, owner, attributes, kind', () => {
    const before = image([file('/a', '1'), file('/b', 'b'), file('/c', 'c'), file('/gone', 'g'), file('/d', 'd')]);
    const after = image([
      file('/a', '22'),
      file('/b', 'b', {mode: 0o4755, uid: 107, gid: 114}),
      file('/c', 'c', {attributes: {'security.capability': 'AQ=='}, modifiedAt: 9}),
      file('/d', '', {type: 'link', target: 'c'}),
      file('/new', 'n'),
    ]);
    const {files, isEqual, size} = compareImages(before, after);
    expect(isEqual).toBe(false);
    expect(files.added.map(({path}) => path)).toEqual(['/new']);
    expect(files.removed.map(({path}) => path)).toEqual(['/gone']);
    expect(files.changed.map(({path, differences}) => [path, ...differences])).toEqual([
      ['/a', 'content'],
      ['/b', 'mode 0644 → 4755', 'owner 0:0 → 107:114'],
      ['/c', 'attribute security.capability', 'time'],
      ['/d', 'file → link'],
    ]);
    expect(size).toMatchObject({beforeBytes: 5, afterBytes: 5});
  });

  test('differ in packages, with the direction of a change', () => {
    const status = (...items: string[]) => ({'/var/lib/dpkg/status': items.join('\n')});
    const before = image([], status(installed('a', '1'), installed('b', '1.10'), installed('old', '1')));
    const after = image([], status(installed('a', '1~rc'), installed('b', '1.9~'), installed('new', '2')));
    expect(compareImages(before, after).packages).toEqual({
      added: [{name: 'new', version: '2'}],
      removed: [{name: 'old', version: '1'}],
      changed: [
        {name: 'a', before: '1', after: '1~rc', direction: 'downgraded'},
        {name: 'b', before: '1.10', after: '1.9~', direction: 'downgraded'},
      ],
    });
  });

  test('differ in units: enabled, disabled, masked, static', () => {
    const texts = {[unit('ssh.service')]: installable, [unit('db.service')]: installable, [unit('x.service')]: ''};
    const files = Object.entries(texts).map(([path, text]) => file(path, text));
    const masked = file('/etc/systemd/system/db.service', '', {type: 'link', target: '/dev/null'});
    const difference = compareImages(image(files, texts), image([...files, wants('ssh.service'), masked], texts));
    expect(difference.units).toEqual([
      {name: 'db.service', before: 'disabled', after: 'masked'},
      {name: 'ssh.service', before: 'disabled', after: 'enabled'},
    ]);
    expect(difference.ports.added).toEqual([
      {port: 22, protocol: 'tcp', address: '*', by: 'ssh.service (its default)'},
    ]);
  });

  test('tell ports of sockets and of configuration', () => {
    const socket =
      '[Socket]\nListenStream=127.0.0.1:8080\nListenStream=/run/x\nListenDatagram=53\n[Install]\nWantedBy=sockets.target\n';
    const texts = {
      [unit('x.socket')]: socket,
      '/etc/ssh/sshd_config': '#Port 1\nPort 2222\n',
      [unit('ssh.service')]: installable,
    };
    const files = Object.keys(texts).map((path) => file(path, ''));
    const after = image([...files, wants('x.socket'), wants('ssh.service')], texts);
    expect(compareImages(image(files, texts), after).ports.added).toEqual([
      {port: 53, protocol: 'udp', address: '*', by: 'x.socket'},
      {port: 2222, protocol: 'tcp', address: '*', by: 'ssh.service (/etc/ssh/sshd_config)'},
      {port: 8080, protocol: 'tcp', address: '127.0.0.1', by: 'x.socket'},
    ]);
  });

  test('differ in users and groups', () => {
    const before = image([], {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nold:x:5:5::/:/bin/sh\n',
      '/etc/group': 'docker:x:9:\n',
    });
    const after = image([], {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n# a comment\n',
      '/etc/group': 'docker:x:9:trove\n',
    });
    const {users, groups} = compareImages(before, after);
    expect(users.removed.map(({name}) => name)).toEqual(['old']);
    expect(users.changed).toEqual([
      {name: 'root', before: 'uid 0, gid 0, /root, /bin/bash', after: 'uid 0, gid 0, /root, /bin/sh'},
    ]);
    expect(groups.changed).toEqual([{name: 'docker', before: 'gid 9', after: 'gid 9, members trove'}]);
  });

  test('differ in disks: sizes, tables, partitions', () => {
    const before = image([]);
    const after = {...image([]), virtualSizeBytes: 1, table: 'gpt'} as const;
    expect(compareImages(before, after).disk).toEqual([
      {name: 'virtual size', before: '2147483648 bytes', after: '1 bytes'},
      {name: 'partition table', before: 'mbr', after: 'gpt'},
    ]);
  });
});
