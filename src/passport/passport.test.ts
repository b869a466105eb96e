import {generateKeyPairSync, sign} from 'node:crypto';
import {describe, expect, test} from 'vitest';
import {sha256} from '../base/index.js';
import {checkPassport, passportProperties} from './check.js';
import {parseEnvelope, renderEnvelope, signEnvelope, statementType} from './envelope.js';
import {keyId, parsePublicKey} from './key.js';
import {makeStatement, statementBytes} from './statement.js';

const {privateKey, publicKey} = generateKeyPairSync('ed25519');
const trusted = {id: keyId(publicKey), name: 'ours', key: publicKey};
const content = {sha256: sha256('image'), sha512: 'ab'.repeat(64)};
const statement = makeStatement({
  file: {name: 'mariadb.qcow2', ...content},
  manifest: {
    datastore: 'mariadb',
    version: '11.8',
    series: '2025.1',
    distribution: 'debian',
    release: 'trixie',
    architecture: 'amd64',
    elements: ['debian-minimal', 'trove-guest-agent'],
  },
  dependencies: [{name: 'elements', digest: {sha256: sha256('elements')}}],
  byproducts: [{name: 'disk', digest: {sha256: sha256('disk')}}],
  checks: {sound: true, rulesAsked: 67, errors: 0, warnings: 1, waived: 0, bootProven: ['bios']},
  programVersion: '0.1.0',
  signedAt: new Date('2026-11-23T02:00:00Z'),
});
const passport = renderEnvelope(signEnvelope(statementBytes(statement), statementType, privateKey));

describe('a passport', () => {
  test('is good for the content that it was signed for, by a trusted key', () => {
    const state = checkPassport(passport, content, [trusted]);
    expect(state).toEqual({kind: 'good', keyId: trusted.id, keyName: 'ours', digest: sha256(passport), statement});
    expect(passportProperties(state)).toEqual({trovestack_passport: sha256(passport), trovestack_key: trusted.id});
    expect(checkPassport(passport, {sha512: content.sha512}, [trusted]).kind).toBe('good');
  });

  test('is good no more when any of its bytes is another', () => {
    const bytes = Buffer.from(passport);
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [0x01, 0x20]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ bit;
        const {kind} = checkPassport(changed.toString('latin1'), content, [trusted]);
        expect(['bad', 'untrusted'], `byte ${at}`).toContain(kind);
      }
    }
    for (const text of ['', passport.trim(), `${passport}\n`, ` ${passport}`, passport + passport]) {
      expect(checkPassport(text, content, [trusted]).kind).toBe('bad');
    }
  });

  test('is bad for other content, whichever digest tells', () => {
    const bySha256 = checkPassport(passport, {...content, sha256: sha256('other')}, [trusted]);
    expect(bySha256).toMatchObject({
      kind: 'bad',
      problem: expect.stringMatching(/^it is signed for an image with the sha256 /),
    });
    expect(checkPassport(passport, {sha512: 'cd'.repeat(64)}, [trusted]).kind).toBe('bad');
  });

  test('proves nothing when nobody trusts its key, and is none without a file', () => {
    expect(checkPassport(passport, content, [])).toEqual({kind: 'untrusted', keyId: trusted.id});
    expect(checkPassport(undefined, content, [trusted])).toEqual({kind: 'none'});
    expect(passportProperties({kind: 'none'})).toEqual({});
  });

  test('of another key that claims to be the trusted one is bad', () => {
    const {privateKey: theirs} = generateKeyPairSync('ed25519');
    const forged = signEnvelope(statementBytes(statement), statementType, theirs);
    expect(checkPassport(renderEnvelope({...forged, keyId: trusted.id}), content, [trusted])).toEqual({
      kind: 'bad',
      problem: 'its signature is not over what it says',
    });
  });

  test('that is something else, though signed, is bad', () => {
    const other = (payload: string, type = statementType) =>
      checkPassport(renderEnvelope(signEnvelope(Buffer.from(payload), type, privateKey)), content, [trusted]);
    expect(other('{}')).toMatchObject({kind: 'bad', problem: expect.stringContaining('none of ours')});
    expect(other('no JSON')).toMatchObject({kind: 'bad', problem: expect.stringContaining('none of ours')});
    expect(other('{}', 'text/plain')).toMatchObject({kind: 'bad', problem: expect.stringContaining('text/plain')});
  });
});

describe('an envelope', () => {
  // The example of DSSE's protocol.md, whose encoding is given there in full.
  test('signs what DSSE says', () => {
    const envelope = signEnvelope(Buffer.from('hello world'), 'http://example.com/HelloWorld', privateKey);
    const encoded = 'DSSEv1 29 http://example.com/HelloWorld 11 hello world';
    expect(envelope.signature).toEqual(sign(null, Buffer.from(encoded), privateKey));
    expect(parseEnvelope(renderEnvelope(envelope))).toEqual(envelope);
  });

  test('with two signatures, or members that are missing, is none', () => {
    const one = JSON.parse(passport);
    const two = {...one, signatures: [...one.signatures, ...one.signatures]};
    for (const value of [two, {}, [], null, {...one, signatures: []}, {...one, payload: 7}]) {
      expect(typeof parseEnvelope(`${JSON.stringify(value)}\n`)).toBe('string');
    }
  });
});

describe('a public key', () => {
  test('is read from PEM; a private one, another kind and other text are refused with the reason', () => {
    const pem = publicKey.export({type: 'spki', format: 'pem'}) as string;
    expect(parsePublicKey('ours', pem)).toMatchObject({id: trusted.id, name: 'ours'});
    expect(parsePublicKey('x', privateKey.export({type: 'pkcs8', format: 'pem'}) as string)).toContain('private key');
    const {publicKey: rsa} = generateKeyPairSync('rsa', {modulusLength: 1024});
    expect(parsePublicKey('x', rsa.export({type: 'spki', format: 'pem'}) as string)).toContain('rsa, not ed25519');
    expect(parsePublicKey('x', 'hello')).toContain('no public key');
  });
});
