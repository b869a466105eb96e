import type {Sha256} from '../base/index.js';
import {type Envelope, envelopeDigest, isSignedBy, parseEnvelope, statementType} from './envelope.js';
import type {PublicKey} from './key.js';
import {type Statement, statementSchema} from './statement.js';

/** What an image's passport is worth. */
export type PassportState =
  | {readonly kind: 'none'}
  /** Only said to be there, by whoever wrote a cloud's properties. */
  | {readonly kind: 'elsewhere'; readonly keyId: string}
  /** Signed by a trusted key, for this content. */
  | {
      readonly kind: 'good';
      readonly keyId: string;
      readonly keyName: string;
      /** Of the signed envelope. */
      readonly digest: Sha256;
      readonly statement: Statement;
    }
  /** Nobody here trusts the key, so nothing that it signs is believed. */
  | {readonly kind: 'untrusted'; readonly keyId: string}
  /** Changed after it was signed, or signed for other content. */
  | {readonly kind: 'bad'; readonly problem: string};

/** What is known of an image's content: one digest at least. In hexadecimal. */
export type KnownContent =
  | {readonly sha256: string; readonly sha512?: string}
  | {readonly sha256?: string; readonly sha512: string};

/** Checks a passport against the content that it stands beside. Pure.
 * @param text Of the passport's file; undefined when there is none.
 */
export function checkPassport(
  text: string | undefined,
  content: KnownContent,
  trusted: readonly PublicKey[],
): PassportState {
  if (text === undefined) return {kind: 'none'};
  const envelope = parseEnvelope(text);
  if (typeof envelope === 'string') return bad(envelope);
  const key = trusted.find(({id}) => id === envelope.keyId);
  if (!key) return {kind: 'untrusted', keyId: envelope.keyId};
  if (!isSignedBy(envelope, key.key)) return bad('its signature is not over what it says');
  const statement = readStatement(envelope);
  if (typeof statement === 'string') return bad(statement);
  const [{digest}] = statement.subject;
  const names = ['sha256', 'sha512'] as const;
  const differs = names.find((name) => content[name] !== undefined && content[name] !== digest[name]);
  if (differs) return bad(`it is signed for an image with the ${differs} ${digest[differs].slice(0, 12)}…`);
  return {kind: 'good', keyId: key.id, keyName: key.name, digest: envelopeDigest(envelope), statement};
}

function bad(problem: string): PassportState {
  return {kind: 'bad', problem};
}

function readStatement({payloadType, payload}: Envelope): Statement | string {
  if (payloadType !== statementType) return `it is a signed ${payloadType}, not an in-toto statement`;
  const parsed = statementSchema.safeParse(jsonOf(payload));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `its statement is none of ours: "${issue?.path.join('.')}": ${issue?.message}`;
}

/** Undefined for what is no JSON. */
function jsonOf(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What Glance is told of a good passport: which it is, and whose. Pure. */
export function passportProperties(state: PassportState): Readonly<Record<string, string>> {
  return state.kind === 'good' ? {trovestack_passport: state.digest, trovestack_key: state.keyId} : {};
}
