import {describe, expect, test} from 'vitest';
import {loginsOfSshd} from './sshd-settings.js';

const main = '/etc/ssh/sshd_config';
const debian = `Include /etc/ssh/sshd_config.d/*.conf
#PermitRootLogin prohibit-password
#PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
`;

function logins(files: Record<string, string>): string[] {
  const paths = Object.keys(files);
  return loginsOfSshd((path) => files[path], paths).map(({path, allows}) => `${path}: ${allows}`);
}

describe('logins that sshd allows', () => {
  test('are by password where no line says otherwise', () => {
    expect(logins({[main]: debian})).toEqual([`${main}: logins by password`]);
    expect(logins({[main]: 'UsePAM yes\nPasswordAuthentication no\n'})).toEqual([
      `${main}: logins by password, asked for by PAM`,
    ]);
  });

  test("follow the first value, an included file's before what comes after it", () => {
    const own = '/etc/ssh/sshd_config.d/10-own.conf';
    const other = '/etc/ssh/sshd_config.d/20-other.conf';
    expect(logins({[main]: `${debian}PasswordAuthentication yes\n`, [own]: 'passwordauthentication=no\n'})).toEqual([]);
    expect(
      logins({[main]: debian, [other]: 'PasswordAuthentication yes', [own]: 'PasswordAuthentication "no"'}),
    ).toEqual([]);
    expect(logins({[main]: debian, [own]: 'PasswordAuthentication yes', [other]: 'PasswordAuthentication no'})).toEqual(
      [`${own}: logins by password`],
    );
    expect(logins({[main]: `PasswordAuthentication no\n${debian}`, [own]: 'PermitRootLogin yes # for now\n'})).toEqual([
      `${own}: logins as root, by password too`,
    ]);
  });

  test('are also those of a Match block, which ends with its file', () => {
    const some = '/etc/ssh/sshd_config.d/some.conf';
    const files = {
      [main]: `Include sshd_config.d/*\nPasswordAuthentication no\n`,
      [some]: 'Match User guest\nPasswordAuthentication yes\n',
    };
    expect(logins(files)).toEqual([`${some}: logins by password`]);
    expect(logins({[main]: 'Match all\nPasswordAuthentication no\n'})).toEqual([]);
  });

  test('end with files that include themselves', () => {
    expect(logins({[main]: `Include ${main}\nPasswordAuthentication no\n`})).toEqual([]);
  });
});
