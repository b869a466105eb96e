import {readdir, readFile} from 'node:fs/promises';
import {systemErrorCode} from './errors.js';
import type {Environment} from './world.js';

/** A place of packages as apt knows it: one URI with its suites. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Mirrors of the Debian archive: of releases and updates, and of security updates. */
export interface DebianMirrors {
  readonly archive: string;
  readonly security: string;
}

/** The sources in one file of apt's: deb822 (`*.sources`) or one-line (`*.list`) form. Disabled and source-only ones are left out.
 * @see sources.list(5)
 */
export function parseAptSources(text: string, form: 'deb822' | 'one-line'): AptSource[] {
  return form === 'deb822' ? parseDeb822(text) : parseOneLine(text);
}

function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue;
      if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`);
      const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (!match?.[1]) continue;
      last = match[1].toLowerCase();
      fields.set(last, match[2] ?? '');
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') continue;
    for (const uri of words('uris')) sources.push({uri, suites: words('suites'), components: words('components')});
  }
  return sources;
}

function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.replace(/#.*/, '').trim());
    if (!match?.[1] || !match[2]) return [];
    return [{uri: match[1], suites: [match[2]], components: (match[3] ?? '').split(/\s+/).filter(Boolean)}];
  });
}

/** Which of the host's sources are Debian's own: the security archive is known by its suite, the main one by a release suite beside it. */
export function debianMirrorsAmong(sources: readonly AptSource[]): DebianMirrors | undefined {
  const release = /^(buster|bullseye|bookworm|trixie|forky|sid|stable|testing|unstable|oldstable)(-updates)?$/;
  const archive = sources.find((s) => s.suites.some((suite) => release.test(suite)) && s.components.includes('main'));
  const security = sources.find((s) => s.suites.some((suite) => /^[a-z]+-security$/.test(suite)));
  if (!archive) return undefined;
  const uri = archive.uri.replace(/\/$/, '');
  return {archive: uri, security: security?.uri.replace(/\/$/, '') ?? `${uri}-security`};
}

/** The Debian mirrors to use: `DIB_DISTRIBUTION_MIRROR`, else this host's own when it is Debian, else undefined (mmdebstrap's default).
 * @param aptFolder Of the host's apt configuration.
 */
export async function findDebianMirrors(env: Environment, aptFolder = '/etc/apt'): Promise<DebianMirrors | undefined> {
  const asked = env.DIB_DISTRIBUTION_MIRROR?.replace(/\/$/, '');
  if (asked) return {archive: asked, security: env.DIB_DEBIAN_SECURITY_MIRROR ?? `${asked}-security`};
  const files = [
    'sources.list',
    ...(await listIfThere(`${aptFolder}/sources.list.d`)).map((f) => `sources.list.d/${f}`),
  ];
  const sources: AptSource[] = [];
  for (const file of files) {
    if (!/\.(list|sources)$/.test(file)) continue;
    const text = await readFile(`${aptFolder}/${file}`, 'utf8').catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return '';
      throw error;
    });
    sources.push(...parseAptSources(text, file.endsWith('.sources') ? 'deb822' : 'one-line'));
  }
  return debianMirrorsAmong(sources);
}

async function listIfThere(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** mmdebstrap's source arguments for a Debian release with its updates and security suites; none when the mirrors are unknown. */
export function debianSourceLines(release: string, mirrors: DebianMirrors | undefined): string[] {
  if (!mirrors) return [];
  if (release === 'sid' || release === 'unstable') return [`deb ${mirrors.archive} ${release} main`];
  return [
    `deb ${mirrors.archive} ${release} main`,
    `deb ${mirrors.archive} ${release}-updates main`,
    `deb ${mirrors.security} ${release}-security main`,
  ];
}
