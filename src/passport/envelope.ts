import {type KeyObject, sign, verify} from 'node:crypto';
import {type Sha256, sha256} from '../base/index.js';
import {keyId} from './key.js';

/** A signed text as DSSE has it. One signature: whoever signs anew writes a new envelope. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly keyId: string;
  readonly signature: Buffer;
}

/** The media type of in-toto statements. */
export const statementType = 'application/vnd.in-toto+json';

/** Signs a payload.
 * @param key ed25519, private.
 */
export function signEnvelope(payload: Buffer, payloadType: string, key: KeyObject): Envelope {
  const signature = sign(null, signedBytes(payloadType, payload), key);
  return {payloadType, payload, keyId: keyId(key), signature};
}

export function isSignedBy({payloadType, payload, signature}: Envelope, key: KeyObject): boolean {
  return verify(null, signedBytes(payloadType, payload), key, signature);
}

/** What the signature is over: DSSE's pre-authentication encoding.
 * @see https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
 */
function signedBytes(payloadType: string, payload: Buffer): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `), payload]);
}

/** The envelope as one line of JSON Lines, which is how in-toto keeps them in files. */
export function renderEnvelope({payloadType, payload, keyId: keyid, signature}: Envelope): string {
  const signatures = [{keyid, sig: signature.toString('base64')}];
  return `${JSON.stringify({payload: payload.toString('base64'), payloadType, signatures})}\n`;
}

/** Reads an envelope. Only the very text that `renderEnvelope` writes is one, so that no byte of it can change unseen.
 * @returns What is wrong otherwise.
 */
export function parseEnvelope(text: string): Envelope | string {
  try {
    const {payload, payloadType, signatures} = JSON.parse(text);
    const [{keyid, sig}] = signatures;
    const envelope: Envelope = {
      payloadType: String(payloadType),
      payload: Buffer.from(payload, 'base64'),
      keyId: String(keyid),
      signature: Buffer.from(sig, 'base64'),
    };
    return renderEnvelope(envelope) === text ? envelope : 'it is not in the form that it was signed in';
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 'it is no DSSE envelope with one signature';
    throw error;
  }
}

/** The digest that stands for an envelope elsewhere, in a cloud for example. */
export function envelopeDigest(envelope: Envelope): Sha256 {
  return sha256(renderEnvelope(envelope));
}
