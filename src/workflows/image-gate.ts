import {readFile} from 'node:fs/promises';
import {compareVersions} from '../archive/index.js';
import {
  parseJson,
  parseShape,
  parseYaml,
  readFileIfThere,
  StepError,
  systemErrorCode,
  UsageError,
} from '../base/index.js';
import type {GlanceImage} from '../cloud/index.js';
import {
  type GateFinding,
  type ImageEvidence,
  type ImagePolicy,
  imagePolicySchema,
  judgeGate,
  type RegisteredVersion,
} from '../datastore/index.js';
import type {ImageServices} from './image-services.js';

export interface GateRequest {
  /** File with what is demanded of images; default: only that the series fits, and no signature is wrong. */
  readonly policy?: string | undefined;
  /** The image's file, whose bill of materials stands beside it. */
  readonly evidence?: string | undefined;
}

/** Properties in Glance that say what an image is and what is known of it. */
export const evidenceProperties = {
  series: 'trovestack_series',
  proof: 'trovestack_proof',
  keyId: 'trovestack_key',
} as const;

/** Asks, before anything is sent, whether an image fits a cloud's series.
 * @throws {StepError} `gate-closed` with the command that builds the right one
 * @throws {UsageError} `file-not-found`, `invalid-file`
 */
export async function demandSeries(
  {name, datastore, series}: {readonly name: string; readonly datastore: string; readonly series?: string | undefined},
  request: GateRequest,
  {session}: ImageServices,
): Promise<void> {
  const policy = await policyOf(request);
  const {troveSeries, name: cloud} = session.settings;
  const evidence = {image: name, datastore, signature: 'unsigned', proof: 'none', ...(series ? {series} : {})} as const;
  const findings = judgeGate(evidence, {...openPolicy, series: policy.series}, troveSeries, () => false);
  const refused = findings.filter(({outcome}) => outcome === 'refused');
  if (refused.length > 0) throw new StepError('gate-closed', {image: name, cloud, findings: refused});
}

const openPolicy = imagePolicySchema.parse({});

/** Asks whether an image may serve in a cloud.
 * @throws {StepError} `gate-closed` with all that is against it
 * @throws {UsageError} `file-not-found`, `invalid-file`
 */
export async function passGate(
  image: GlanceImage,
  version: RegisteredVersion,
  request: GateRequest,
  {session}: ImageServices,
): Promise<GateFinding[]> {
  const policy = await policyOf(request);
  const file = policy.vulnerabilities.length > 0 ? request.evidence : undefined;
  const packages = file === undefined ? undefined : await readPackages(file);
  const evidence = {...evidenceOf(image, version), ...(packages ? {packages} : {})};
  const isOlder = (one: string, than: string) => compareVersions(one, than) < 0;
  const findings = judgeGate(evidence, policy, session.settings.troveSeries, isOlder);
  const refused = findings.filter(({outcome}) => outcome === 'refused');
  if (refused.length === 0) return findings;
  throw new StepError('gate-closed', {image: image.name, cloud: session.settings.name, findings: refused});
}

function evidenceOf({name, sizeBytes, properties}: GlanceImage, version: RegisteredVersion): ImageEvidence {
  const series = properties[evidenceProperties.series];
  const keyId = properties[evidenceProperties.keyId];
  const proof = properties[evidenceProperties.proof];
  return {
    image: name,
    datastore: `${version.datastore}:${version.version}`,
    signature: keyId ? 'announced' : 'unsigned',
    proof: proof === 'boot' || proof === 'rules' ? proof : 'none',
    ...(sizeBytes === undefined ? {} : {sizeBytes}),
    ...(series ? {series} : {}),
    ...(keyId ? {keyId} : {}),
  };
}

async function policyOf({policy}: GateRequest): Promise<ImagePolicy> {
  return policy === undefined ? openPolicy : await readPolicy(policy);
}

async function readPolicy(path: string): Promise<ImagePolicy> {
  try {
    return parseShape('image policy', await parseYaml(path, await readFile(path, 'utf8')), imagePolicySchema);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw new UsageError('file-not-found', {path, what: 'image policy'});
    throw error;
  }
}

/** The packages in the bill of materials that a build has put beside its image. */
async function readPackages(imageFile: string): Promise<ReadonlyMap<string, string>> {
  const path = `${imageFile.replace(/\.[^./]+$/, '')}.cdx.json`;
  const text = await readFileIfThere(path);
  if (text === undefined) throw new UsageError('file-not-found', {path, what: 'bill of materials'});
  const {components = []} = parseJson(text) as {components?: {name?: unknown; version?: unknown}[]};
  return new Map(components.map(({name, version}) => [`${name}`, `${version}`]));
}
