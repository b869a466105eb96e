import {createPublicKey, type KeyObject} from 'node:crypto';
import {type Sha256, sha256} from '../base/index.js';

/** A public key that signatures are checked with. */
export interface PublicKey {
  readonly id: Sha256;
  /** What people call it: the name of its file. */
  readonly name: string;
  readonly key: KeyObject;
}

/** A key's id: the sha256 of its public part as DER (SubjectPublicKeyInfo), which `openssl pkey -pubin -outform DER` writes too.
 * @param key Public or private.
 */
export function keyId(key: KeyObject): Sha256 {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return sha256(publicKey.export({type: 'spki', format: 'der'}));
}

/** A public key from its PEM text; what is wrong with it otherwise. */
export function parsePublicKey(name: string, pem: string): PublicKey | string {
  if (/PRIVATE KEY/.test(pem)) return 'it holds a private key, which nobody else should have';
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') return `it is a key of the kind ${key.asymmetricKeyType}, not ed25519`;
    return {id: keyId(key), name, key};
  } catch (error) {
    return `it is no public key in PEM form: ${(error as Error).message}`;
  }
}
