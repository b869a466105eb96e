import {execFile} from 'node:child_process';
import {mkdir, readdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {debianSourceLines, findDebianMirrors} from '../../src/base/index.js';

/** diskimage-builder as a Debian release packages it: elements that nobody here wrote. */
export interface Corpus {
  /** What images are built with, by diskimage-builder as by us: Debian bookworm, since not even 3.37 knows that trixie lacks
   * software-properties-common. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder of all elements. */
  readonly elements: string;
}

const imageRelease = 'bookworm';

/** Downloads a release's package into a folder, and unpacks it there.
 * Its elements ask for Debian's security archive by a path that is gone, so images are told their sources.
 */
export async function fetchCorpus(folder: string, release: string): Promise<Corpus> {
  const mirrors = await findDebianMirrors(process.env);
  if (!mirrors) throw new Error('no Debian mirror is known: DIB_DISTRIBUTION_MIRROR has to name one');
  const apt = join(folder, `apt-${release}`);
  await mkdir(join(apt, 'lists/partial'), {recursive: true});
  await mkdir(join(apt, 'archives/partial'), {recursive: true});
  const [source = ''] = debianSourceLines(release, mirrors);
  await writeFile(join(apt, 'sources.list'), `${source}\n`);
  const options = {
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::Cache': apt,
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '-',
    'Dir::State': apt,
    'Dir::State::Status': '/dev/null',
  };
  const words = Object.entries(options).map(([name, value]) => `-o${name}=${value}`);
  await execute('apt-get', [...words, '--quiet', 'update'], {cwd: apt});
  await execute('apt-get', [...words, '--quiet', 'download', 'python3-diskimage-builder'], {cwd: apt});
  const [archive = ''] = (await readdir(apt)).filter((name) => name.endsWith('.deb'));
  await execute('dpkg-deb', ['--extract', join(apt, archive), join(apt, 'package')]);
  const [imageSource] = debianSourceLines(imageRelease, mirrors);
  return {
    environment: {
      DIB_RELEASE: imageRelease,
      DIB_DISTRIBUTION_MIRROR: mirrors.archive,
      DIB_APT_SOURCES_CONF: `default:${imageSource}`,
      DIB_PYTHON_VERSION: '3',
    },
    elements: join(apt, 'package/usr/lib/python3/dist-packages/diskimage_builder/elements'),
  };
}

const execute = promisify(execFile);
