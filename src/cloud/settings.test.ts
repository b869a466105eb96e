import {describe, expect, it} from 'vitest';
import {tokenRequest} from './keystone.js';
import {settingsFrom, writtenFromEnvironment} from './settings.js';

const auth = {auth_url: 'http://k:5000/', username: 'u', password: 'p', project_name: 'x'};

describe('a cloud', () => {
  it('is reached at version 3 of its Keystone, however its address is written', () => {
    for (const url of [
      'http://k:5000',
      'http://k:5000/',
      'http://k:5000/v3',
      'http://k:5000/v3/',
      'http://k:5000/v2.0',
    ]) {
      expect(settingsFrom('c', 'f', {auth: {...auth, auth_url: url}}).authUrl).toBe('http://k:5000/v3');
    }
  });

  it('names all that it lacks at once', () => {
    expect(() => settingsFrom('c', 'f', {auth: {username: 'u'}, interface: 'side'})).toThrow(
      expect.objectContaining({
        code: 'incomplete-cloud',
        facts: expect.objectContaining({
          problems: ['auth_url is missing', 'interface "side" is not public, internal or admin', 'password is missing'],
        }),
      }),
    );
  });

  it('does without TLS checks only when told so', () => {
    expect(settingsFrom('c', 'f', {auth}).verifyTls).toBe(true);
    expect(settingsFrom('c', 'f', {auth, verify: false}).verifyTls).toBe(false);
    expect(settingsFrom('c', 'f', {auth, insecure: true}).verifyTls).toBe(false);
  });

  it('is the same from OS_* as from clouds.yaml', () => {
    const env = {OS_AUTH_URL: auth.auth_url, OS_USERNAME: 'u', OS_PASSWORD: 'p', OS_TENANT_NAME: 'x'};
    expect(settingsFrom('c', 'f', writtenFromEnvironment(env))).toEqual(settingsFrom('c', 'f', {auth}));
  });
});

describe('a token', () => {
  it('is asked for with user, password and project', () => {
    expect(tokenRequest(settingsFrom('c', 'f', {auth: {...auth, user_domain_name: 'Here'}}))).toEqual({
      auth: {
        identity: {methods: ['password'], password: {user: {name: 'u', domain: {name: 'Here'}, password: 'p'}}},
        scope: {project: {name: 'x', domain: {id: 'default'}}},
      },
    });
  });

  it('is asked for with an application credential, which has its project in itself', () => {
    const credential = {auth_url: 'http://k', application_credential_id: 'i', application_credential_secret: 's'};
    expect(tokenRequest(settingsFrom('c', 'f', {auth_type: 'v3applicationcredential', auth: credential}))).toEqual({
      auth: {identity: {methods: ['application_credential'], application_credential: {id: 'i', secret: 's'}}},
    });
  });

  it('can be asked for with another token', () => {
    const settings = settingsFrom('c', 'f', {auth: {auth_url: 'http://k', token: 't', project_id: 'x'}});
    expect(tokenRequest(settings)).toEqual({
      auth: {identity: {methods: ['token'], token: {id: 't'}}, scope: {project: {id: 'x'}}},
    });
  });
});
