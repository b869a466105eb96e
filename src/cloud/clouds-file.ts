import {access, readFile} from 'node:fs/promises';
import {z} from 'zod';
import {
  nearestNames,
  parseShape,
  parseYaml,
  readFileIfThere,
  systemErrorCode,
  UsageError,
  type World,
} from '../base/index.js';
import {type CloudSettings, settingsFrom, type WrittenCloud, writtenFromEnvironment} from './settings.js';

/** YAML writes numbers where people mean names: a project "2025", a password 12345. */
const scalar = z.union([z.string(), z.number()]).transform(String).optional();

const cloud = z.looseObject({
  auth_type: z.string().optional(),
  auth: z
    .record(
      z.string(),
      scalar.nullable().transform((value) => value ?? undefined),
    )
    .optional(),
  region_name: scalar,
  interface: z.string().optional(),
  endpoint_type: z.string().optional(),
  verify: z.boolean().optional(),
  insecure: z.boolean().optional(),
  cacert: z.string().optional(),
  trove_series: scalar,
});

const cloudsFile = z.looseObject({clouds: z.record(z.string(), cloud)});

/** A cloud of a file, with the file that it stands in. */
interface FoundCloud {
  readonly written: WrittenCloud;
  readonly source: string;
  readonly isLocal: boolean;
}

/** The settings of the cloud to use: `name` (an option), else `OS_CLOUD`, else what OS_* describe.
 * Looks for clouds.yaml where OpenStack's own clients do (the first found counts), and among this machine's devclouds.
 * @throws {UsageError} `no-cloud`, `unknown-cloud`, `incomplete-cloud`, `invalid-file`, `file-not-found`
 */
export async function readCloudSettings(
  world: World,
  choice: {readonly cloud?: string | undefined; readonly region?: string | undefined},
): Promise<CloudSettings> {
  const name = choice.cloud ?? (world.env.OS_CLOUD || undefined);
  const settings = name
    ? await settingsOfNamed(name, world)
    : settingsFrom('OS_AUTH_URL', 'the environment (OS_*)', await environmentCloud(world));
  return choice.region ? {...settings, region: choice.region} : settings;
}

async function settingsOfNamed(name: string, world: World): Promise<CloudSettings> {
  const clouds = await readClouds(world);
  const found = clouds.get(name);
  if (!found) {
    const known = [...clouds.keys()];
    throw new UsageError('unknown-cloud', {name, nearest: nearestNames(name, known), known});
  }
  return settingsFrom(name, found.source, found.written, found.isLocal);
}

async function environmentCloud(world: World): Promise<WrittenCloud> {
  if (!world.env.OS_AUTH_URL) throw new UsageError('no-cloud', {known: [...(await readClouds(world)).keys()]});
  return writtenFromEnvironment(world.env);
}

async function readClouds(world: World): Promise<ReadonlyMap<string, FoundCloud>> {
  const {env, paths} = world;
  const own = await readCloudsFile(`${paths.state}/clouds.yaml`, {}, true);
  const file = await firstFile(env.OS_CLIENT_CONFIG_FILE, 'clouds.yaml', env.HOME);
  if (!file || file === `${paths.state}/clouds.yaml`) return own;
  const secretFile = await firstFile(env.OS_CLIENT_SECURE_FILE, 'secure.yaml', env.HOME);
  const secrets = secretFile ? await readShape(secretFile) : {};
  return new Map([...own, ...(await readCloudsFile(file, secrets, false))]);
}

async function readCloudsFile(
  path: string,
  secrets: Readonly<Record<string, WrittenCloud>>,
  isLocal: boolean,
): Promise<ReadonlyMap<string, FoundCloud>> {
  if (isLocal && (await readFileIfThere(path)) === undefined) return new Map();
  const clouds = await readShape(path);
  return new Map(
    Object.entries(clouds).map(([name, written]) => [
      name,
      {written: withSecrets(written, secrets[name]), source: `"${path}"`, isLocal},
    ]),
  );
}

async function readShape(path: string): Promise<Readonly<Record<string, WrittenCloud>>> {
  const text = await readText(path);
  const yaml = await parseYaml(path, text, withoutSecrets(text));
  return parseShape('clouds file', yaml, cloudsFile).clouds;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const what = 'clouds file';
    const code = systemErrorCode(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new UsageError('file-not-found', {path, what});
    const problem = readingProblems[code];
    if (problem) throw new UsageError('unreadable-file', {path, what, problems: [problem]});
    throw error;
  }
}

const readingProblems: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
};

/** The file that is asked for, else the first one in the places where OpenStack's clients look. */
async function firstFile(asked: string | undefined, name: string, home = '/root'): Promise<string | undefined> {
  if (asked) return asked;
  for (const folder of ['.', `${home}/.config/openstack`, '/etc/openstack']) {
    const path = `${folder}/${name}`;
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

function withSecrets(written: WrittenCloud, secrets: WrittenCloud | undefined): WrittenCloud {
  return {...written, ...secrets, auth: {...written.auth, ...secrets?.auth}};
}

/** The text with what may be a secret masked, every other character at its place: what follows a secret's name on its line,
 * and the lines below that are indented deeper, as those of a block scalar are.
 */
function withoutSecrets(text: string): string {
  let secretIndent = Number.POSITIVE_INFINITY;
  const lines = text.split('\n').map((line) => {
    const indent = line.search(/\S/);
    if (indent > secretIndent) return masked(line);
    if (indent < 0) return line;
    const name = /(?:password|secret|token)\w*["']?\s*:/i.exec(line);
    secretIndent = name ? indent : Number.POSITIVE_INFINITY;
    const start = name ? name.index + name[0].length : line.length;
    return line.slice(0, start) + masked(line.slice(start));
  });
  return lines.join('\n');
}

function masked(text: string): string {
  return text.replace(/\S/g, '*');
}
