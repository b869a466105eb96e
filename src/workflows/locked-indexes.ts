import {type Deb, renderRelease, renderStanza} from '../archive/index.js';
import {type Sha256, sha256} from '../base/index.js';
import type {PackageFiles} from '../store/index.js';
import type {Found} from './archive-answer.js';

/** Indexes of an archive that has a lock's packages and no others. */
export interface LockedIndexes {
  readonly files: ReadonlyMap<Sha256, Found>;
  /** Of any suite that apt asks for: those that no locked package is from are empty. */
  release(archive: string, suite: string): Promise<Found>;
}

/** Makes indexes with nothing but locked packages, each as its own control file and the lock have it.
 * @param controls By the packages' digests.
 * @param store Where they are kept, beside the packages. They are made when they are asked for.
 */
export function makeLockedIndexes(
  locked: readonly Deb[],
  controls: ReadonlyMap<Sha256, string>,
  architecture: string,
  store: PackageFiles,
): LockedIndexes {
  const files = new Map<Sha256, Found>();
  const releases = new Map<string, Promise<Found>>();
  const keep = async (text: string): Promise<Found> => {
    const found = {kind: 'found', sha256: sha256(text), sizeBytes: Buffer.byteLength(text)} as const;
    await store.keepText(text, found.sha256);
    files.set(found.sha256, found);
    return found;
  };
  for (const deb of locked) files.set(deb.sha256, {kind: 'found', sha256: deb.sha256, sizeBytes: deb.sizeBytes});
  const components = [...new Set(['main', ...locked.map(({component}) => component)])].sort();
  const visible = [...locked, ...mainVersions(locked)];
  const makeRelease = async (archive: string, suite: string): Promise<Found> => {
    const indexes = [];
    for (const component of components) {
      const inside = visible.filter((d) => d.archive === archive && d.suite === suite && d.component === component);
      const text = inside.map((deb) => renderStanza(controls.get(deb.sha256) ?? '', deb)).join('');
      const {sha256: digest, sizeBytes} = await keep(text);
      indexes.push({path: `${component}/binary-${architecture}/Packages`, sha256: digest, sizeBytes});
    }
    return keep(renderRelease(suite, architecture, components, 0, indexes));
  };
  return {
    files,
    release: (archive, suite) => {
      const name = `${archive} ${suite}`;
      const made = releases.get(name) ?? makeRelease(archive, suite);
      releases.set(name, made);
      return made;
    },
  };
}

/** Packages that were taken from a suite of updates, as the release itself has them in another version: mmdebstrap looks for
 * names in the release alone, whichever version of them is taken then.
 */
function mainVersions(locked: readonly Deb[]): Deb[] {
  const inMain = new Set(locked.filter(({suite}) => !isUpdates(suite)).map(({name}) => name));
  return locked.flatMap((deb) => {
    if (!isUpdates(deb.suite) || inMain.has(deb.name)) return [];
    return [{...deb, archive: 'debian', suite: deb.suite.replace(updates, '')}];
  });
}

const updates = /-(updates|security)$/;

function isUpdates(suite: string): boolean {
  return updates.test(suite);
}
