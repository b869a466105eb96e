import {z} from 'zod';

/** What an operator demands of images before they serve: data, so that it can be reviewed and kept beside clouds.yaml. */
export const imagePolicySchema = z.strictObject({
  signature: z
    .enum(['required', 'optional'])
    .default('optional')
    .describe('Whether a good signature of the passport is needed'),
  keys: z
    .array(z.string().min(1))
    .default([])
    .describe('Ids of the keys whose signatures count; empty: of every key that is trusted here'),
  proof: z
    .enum(['any', 'rules', 'boot'])
    .default('any')
    .describe('What has to be known of it: nothing; that no rule finds an error; that it booted and served'),
  series: z
    .enum(['same', 'any'])
    .default('same')
    .describe("Whether its guest agent has to be of the series of the cloud's Trove"),
  maxSizeMiB: z.int().positive().optional().describe('Largest file in Glance'),
  vulnerabilities: z
    .array(
      z.strictObject({
        id: z.string().min(1).describe('Such as CVE-2026-1234'),
        package: z.string().min(1).describe('Binary package of the distribution'),
        fixedIn: z.string().min(1).describe('First version without it'),
      }),
    )
    .default([])
    .describe('Packages that must not be in it below these versions; needs the bill of materials: --evidence'),
});

export type ImagePolicy = z.output<typeof imagePolicySchema>;

/** What is known of an image that is to serve. */
export interface ImageEvidence {
  readonly image: string;
  /** What is built instead for a cloud of another series, `mariadb:11.8`. */
  readonly datastore: string;
  readonly sizeBytes?: number;
  /** OpenStack series of its guest agent. */
  readonly series?: string;
  /** `announced`: whoever loaded it says that it is signed; nothing here has checked it. */
  readonly signature: 'good' | 'unsigned' | 'bad' | 'announced';
  readonly keyId?: string;
  /** What was proven of it before it came into the cloud. */
  readonly proof: 'none' | 'rules' | 'boot';
  /** Packages inside, those of its container too, each with all its versions; absent when nothing lists them. */
  readonly packages?: ReadonlyMap<string, readonly string[]>;
}

/** One demand, and whether the image meets it. */
export interface GateFinding {
  readonly demand: 'series' | 'signature' | 'proof' | 'size' | 'vulnerability';
  /** `unknown`: nothing says it; only what the policy asks for closes the gate then. */
  readonly outcome: 'met' | 'refused' | 'unknown';
  readonly detail: string;
  /** A command that leads on. */
  readonly next?: string;
}

/** Asks whether an image may serve in a cloud. Pure.
 * @param targetSeries OpenStack series of the cloud's Trove; undefined where nothing tells it.
 * @param isOlder Whether the first version of a package is below the second.
 */
export function judgeGate(
  evidence: ImageEvidence,
  policy: ImagePolicy,
  targetSeries: string | undefined,
  isOlder: (version: string, than: string) => boolean,
): GateFinding[] {
  return [
    seriesFinding(evidence, policy, targetSeries),
    signatureFinding(evidence, policy),
    proofFinding(evidence, policy),
    ...sizeFinding(evidence, policy),
    ...policy.vulnerabilities.map((one) => vulnerabilityFinding(evidence, one, isOlder)),
  ];
}

function seriesFinding(
  {series, datastore}: ImageEvidence,
  policy: ImagePolicy,
  target: string | undefined,
): GateFinding {
  const demand = 'series';
  if (series === undefined || target === undefined) {
    const detail = series === undefined ? 'the image does not say its series' : "nothing tells the cloud's series";
    return {demand, outcome: 'unknown', detail};
  }
  if (series === target) return {demand, outcome: 'met', detail: `the guest agent is of ${series}, as the cloud`};
  const detail = `its guest agent is of ${series}, and the cloud's Trove of ${target}`;
  if (policy.series === 'any') return {demand, outcome: 'met', detail: `${detail}, which the policy allows`};
  return {demand, outcome: 'refused', detail, next: `trovestack image build ${datastore} --series ${target}`};
}

function signatureFinding({signature, keyId}: ImageEvidence, policy: ImagePolicy): GateFinding {
  const demand = 'signature';
  const isTrusted = policy.keys.length === 0 || (keyId !== undefined && policy.keys.includes(keyId));
  // A signature that is wrong is never let through: something was changed after it was made.
  if (signature === 'bad') return {demand, outcome: 'refused', detail: 'its signature does not fit its content'};
  if (signature === 'good' && isTrusted) return {demand, outcome: 'met', detail: `signed with key ${keyId}`};
  const detail = {
    good: `it is signed with key ${keyId}, which the policy does not name`,
    unsigned: 'it is not signed',
    announced: `it is said to be signed with key ${keyId}: its passport isn't at hand`,
  }[signature];
  const next = 'add --evidence FILE: the image file with its passport beside it';
  const outcome = policy.signature === 'required' ? 'refused' : 'unknown';
  return {demand, outcome, detail, ...(signature === 'announced' ? {next} : {})};
}

function proofFinding({proof, image}: ImageEvidence, policy: ImagePolicy): GateFinding {
  const demand = 'proof';
  const rank = {none: 0, any: 0, rules: 1, boot: 2};
  const said = {none: 'nothing was proven of it', rules: 'no rule finds an error', boot: 'it booted and served'}[proof];
  if (proof !== 'none' && rank[proof] >= rank[policy.proof]) return {demand, outcome: 'met', detail: said};
  if (policy.proof === 'any') return {demand, outcome: 'unknown', detail: said};
  const option = policy.proof === 'boot' ? ' --boot' : '';
  const next = `trovestack image verify FILE${option}, then trovestack image load FILE tells the cloud of it`;
  return {demand, outcome: 'refused', detail: `${said}, and the policy wants ${policy.proof} of ${image}`, next};
}

function sizeFinding({sizeBytes}: ImageEvidence, {maxSizeMiB}: ImagePolicy): GateFinding[] {
  if (maxSizeMiB === undefined) return [];
  const sizeMiB = Math.ceil((sizeBytes ?? Number.POSITIVE_INFINITY) / 1024 ** 2);
  const detail = `it has ${sizeMiB} MiB, and the policy allows ${maxSizeMiB}`;
  return [{demand: 'size', outcome: sizeMiB <= maxSizeMiB ? 'met' : 'refused', detail}];
}

function vulnerabilityFinding(
  {packages}: ImageEvidence,
  {id, package: name, fixedIn}: ImagePolicy['vulnerabilities'][number],
  isOlder: (version: string, than: string) => boolean,
): GateFinding {
  const demand = 'vulnerability';
  if (!packages) {
    const next = 'add --evidence FILE: the image file with its bill of materials beside it';
    return {demand, outcome: 'refused', detail: `${id}: nothing lists its packages`, next};
  }
  const versions = packages.get(name) ?? [];
  const old = versions.find((version) => isOlder(version, fixedIn));
  if (old !== undefined) {
    return {demand, outcome: 'refused', detail: `${id}: ${name} ${old} is in it, fixed in ${fixedIn}`};
  }
  const detail = versions.length ? `${name} ${versions.join(' and ')} has the fix` : `${name} is not in it`;
  return {demand, outcome: 'met', detail: `${id}: ${detail}`};
}
