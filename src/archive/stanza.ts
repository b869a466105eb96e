import type {Sha256} from '../base/index.js';
import type {Deb} from './archive.js';

/** What an index says of a package, one line of its table. */
export interface IndexedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly priority: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
  readonly path: string;
}

/** An awk program that makes a table of a Packages file: a line per package, its members apart by tabs. */
export const tableProgram = `
function member(name,   i) { return name in of ? of[name] : "" }
BEGIN { RS = ""; FS = "\\n"; OFS = "\\t" }
{
  split("", of)
  for (i = 1; i <= NF; i++) if (match($i, /^[A-Za-z0-9-]+: /)) of[substr($i, 1, RLENGTH - 2)] = substr($i, RLENGTH + 1)
  print member("Package"), member("Version"), member("Architecture"), member("Priority"), member("Size"), member("SHA256"), member("Filename")
}`;

/** The lines of a table that `wanted` accepts by the package's name and digest. */
export function readTable(table: string, wanted: (name: string, sha256: string) => boolean): IndexedPackage[] {
  const found: IndexedPackage[] = [];
  for (const line of table.split('\n')) {
    const [name = '', version = '', architecture = '', priority = '', size = '', sha256 = '', path = ''] =
      line.split('\t');
    if (!wanted(name, sha256)) continue;
    found.push({name, version, architecture, priority, sizeBytes: Number(size), sha256: sha256 as Sha256, path});
  }
  return found;
}

/** A package's stanza in an index: its own control file, with what the archive adds.
 * @param control As dpkg-deb --field prints it.
 */
export function renderStanza(control: string, deb: Deb): string {
  const overruled = deb.priority === undefined ? control : control.replace(/^Priority: .*\n/m, '');
  return [
    overruled.trimEnd(),
    ...(deb.priority === undefined ? [] : [`Priority: ${deb.priority}`]),
    `Filename: ${deb.path}`,
    `Size: ${deb.sizeBytes}`,
    `SHA256: ${deb.sha256}`,
    '',
    '',
  ].join('\n');
}
