import {describe, expect, test} from 'vitest';
import {
  authorization,
  credentialsFor,
  gitCredentialVariables,
  separateCredentials,
  separateFromVariables,
} from './credentials.js';

const origin = 'https://git.example';
const known = {origin, user: 'me', password: 's3cret'};

describe("credentials in a source's address", () => {
  test('are taken out of it', () => {
    expect(separateCredentials(`https://me:s3cret@git.example/a@b?c`)).toEqual({
      address: 'https://git.example/a@b?c',
      credentials: known,
    });
    expect(separateCredentials('HTTP://to%40ken@git.example:8443/')).toEqual({
      address: 'HTTP://git.example:8443/',
      credentials: {origin: 'http://git.example:8443', user: 'to@ken', password: ''},
    });
    expect(separateCredentials('https://me:100%@git.example').credentials?.password).toBe('100%');
  });

  test('are no users of SSH, and no paths with an at sign', () => {
    for (const address of ['ssh://git@git.example/a', 'git@git.example:a', 'https://git.example/@me', 'file:///a@b']) {
      expect(separateCredentials(address)).toEqual({address});
    }
  });

  test('are taken out of the variables that hold such addresses, and of no others', () => {
    const address = 'https://me:s3cret@git.example/trove';
    expect(
      separateFromVariables({DIB_REPOLOCATION_trove: address, DIB_OTHER: address, DIB_GITREPOBASE: 'https://a'}),
    ).toEqual({
      variables: {
        DIB_REPOLOCATION_trove: 'https://git.example/trove',
        DIB_OTHER: address,
        DIB_GITREPOBASE: 'https://a',
      },
      credentials: [known],
      names: ['DIB_REPOLOCATION_trove'],
    });
  });

  test("come before those of netrc, which are its machine's or the default", () => {
    const netrc = [
      '# mine',
      'machine other.example login o password p',
      'macdef init',
      'machine git.example login macro password macro',
      '',
      'machine git.example',
      '\tlogin n\taccount ignored',
      '\tpassword machine',
    ].join('\n');
    expect(credentialsFor(`${origin}/a`, [known], netrc)).toEqual(known);
    expect(credentialsFor(`${origin}:8443/a`, [known], netrc)).toEqual({
      origin: `${origin}:8443`,
      user: 'n',
      password: 'machine',
    });
    expect(credentialsFor('https://third.example/', [known], netrc)).toBeUndefined();
    expect(credentialsFor('https://third.example/', [], `${netrc}\ndefault login d password e`)?.user).toBe('d');
    expect(credentialsFor('git@git.example:a', [known], netrc)).toBeUndefined();
  });

  test('reach git by variables, each server its own', () => {
    expect(gitCredentialVariables([])).toEqual({});
    const other = {origin: 'https://b', user: 'u', password: ''};
    expect(gitCredentialVariables([known, known, other])).toEqual({
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'http.https://git.example/.extraHeader',
      GIT_CONFIG_VALUE_0: `Authorization: ${authorization(known)}`,
      GIT_CONFIG_KEY_1: 'http.https://b/.extraHeader',
      GIT_CONFIG_VALUE_1: 'Authorization: Basic dTo=',
    });
  });
});
