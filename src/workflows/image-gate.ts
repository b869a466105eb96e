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
  unreachable,
  type World,
} from '../base/index.js';
import type {GlanceImage} from '../cloud/index.js';
import {
  buildableVersion,
  type GateFinding,
  type ImageEvidence,
  type ImagePolicy,
  imagePolicySchema,
  judgeGate,
  type RegisteredVersion,
  readCatalogue,
} from '../datastore/index.js';
import type {PassportState} from '../passport/index.js';
import type {ImageServices} from './image-services.js';
import type {ImageToLoad} from './image-to-load.js';
import {readPassport} from './passport-file.js';

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

/** Asks, before anything is sent, whether an image fits a cloud's series, and whether it is what was signed.
 * @throws {StepError} `gate-closed` with the command that builds the right one
 * @throws {UsageError} `file-not-found`, `invalid-file`
 */
export async function demandFit(
  {name, datastore, version, sidecar, passport}: ImageToLoad,
  request: GateRequest,
  {session}: ImageServices,
): Promise<void> {
  const policy = await policyOf(request);
  const {troveSeries, name: cloud} = session.settings;
  const evidence: ImageEvidence = {
    image: name,
    datastore: buildableVersion(datastore, version.version, troveSeries),
    proof: 'none',
    ...signatureOf(passport),
    ...(sidecar ? {series: sidecar.series} : {}),
  };
  const findings = judgeGate(evidence, {...openPolicy, series: policy.series}, troveSeries, () => false);
  const refused = findings.filter(({outcome}) => outcome === 'refused');
  if (refused.length > 0) throw new StepError('gate-closed', {image: name, cloud, findings: refused});
}

/** Of a passport that was checked. One that nobody here trusts is as good as one that nobody has looked at. */
function signatureOf(state: PassportState): Pick<ImageEvidence, 'signature' | 'keyId'> {
  switch (state.kind) {
    case 'none':
      return {signature: 'unsigned'};
    case 'bad':
      return {signature: 'bad'};
    case 'good':
      return {signature: 'good', keyId: state.keyId};
    case 'untrusted':
    case 'elsewhere':
      return {signature: 'announced', keyId: state.keyId};
    default:
      return unreachable(state);
  }
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
  world: World,
): Promise<GateFinding[]> {
  const policy = await policyOf(request);
  const file = policy.vulnerabilities.length > 0 ? request.evidence : undefined;
  const packages = file === undefined ? undefined : await readPackages(file);
  const signature = request.evidence === undefined ? {} : await signatureBeside(request.evidence, image, world);
  const toBuild = await toBuildInstead(version, session.settings.troveSeries, world);
  const evidence = {...evidenceOf(image), datastore: toBuild, ...signature, ...(packages ? {packages} : {})};
  const isOlder = (one: string, than: string) => compareVersions(one, than) < 0;
  const findings = judgeGate(evidence, policy, session.settings.troveSeries, isOlder);
  const refused = findings.filter(({outcome}) => outcome === 'refused');
  if (refused.length === 0) return findings;
  throw new StepError('gate-closed', {image: image.name, cloud: session.settings.name, findings: refused});
}

/** Of the passport beside a file, checked against what Glance itself has computed of the image's content. */
async function signatureBeside(
  file: string,
  {digest}: GlanceImage,
  world: World,
): Promise<Partial<Pick<ImageEvidence, 'signature' | 'keyId'>>> {
  if (digest?.algorithm !== 'sha512' && digest?.algorithm !== 'sha256') return {};
  const content = digest.algorithm === 'sha512' ? {sha512: digest.value} : {sha256: digest.value};
  const state = await readPassport(file, content, world);
  return state.kind === 'none' ? {} : signatureOf(state);
}

/** An operator's own datastores aren't in the catalogue. */
async function toBuildInstead(
  {datastore, version}: RegisteredVersion,
  series: string | undefined,
  world: World,
): Promise<string> {
  const known = (await readCatalogue(world.paths.home)).get(datastore);
  return known ? buildableVersion(known, version, series) : `${datastore}:${version}`;
}

function evidenceOf({name, sizeBytes, properties}: GlanceImage): Omit<ImageEvidence, 'datastore'> {
  const series = properties[evidenceProperties.series];
  const keyId = properties[evidenceProperties.keyId];
  const proof = properties[evidenceProperties.proof];
  return {
    image: name,
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

interface Component {
  readonly name?: unknown;
  readonly version?: unknown;
  /** What a container has inside. */
  readonly components?: readonly Component[];
}

/** The packages in the bill of materials that a build has put beside its image. */
async function readPackages(imageFile: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const path = `${imageFile.replace(/\.[^./]+$/, '')}.cdx.json`;
  const text = await readFileIfThere(path);
  if (text === undefined) throw new UsageError('file-not-found', {path, what: 'bill of materials'});
  const packages = new Map<string, string[]>();
  const add = ({name, version, components = []}: Component) => {
    packages.set(`${name}`, [...(packages.get(`${name}`) ?? []), `${version}`]);
    components.forEach(add);
  };
  (parseJson(text) as Component).components?.forEach(add);
  return packages;
}
