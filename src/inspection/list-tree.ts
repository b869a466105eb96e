import {compareCodePoints, type Sha256} from '../base/index.js';
import type {TreeEntry} from './listing.js';

/** A program (Python, of the tools root) that lists folders with all that a TreeEntry has: extended attributes too, which Node
 * can't read. Arguments: the first of the sandboxes' ids outside; where the lists go; for each list its name and the folder;
 * after `--` the beginnings of names in the folders' top level that are left out.
 * Writes NAME.jsonl.gz, a line for each path below the folder in their order, and prints for each list: name, digest of the
 * lines, paths, bytes; for a folder that can't be read, `-` in place of the digest, and last the reason.
 * Overlayfs' own attributes that differ from run to run are left out; `user.overlay.opaque` stays.
 */
export const listTreeScript = String.raw`
import base64, errno, gzip, hashlib, json, os, stat, sys

first, out, rest = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
skipped = tuple(rest[rest.index('--') + 1:])
pairs = rest[:rest.index('--')]
kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'folder', stat.S_IFLNK: 'link', stat.S_IFCHR: 'character device',
         stat.S_IFBLK: 'block device', stat.S_IFIFO: 'fifo', stat.S_IFSOCK: 'socket'}
most = 2 ** 28 # characters of all paths together: they are in memory
unsteady = {'%s.overlay.%s' % (a, b) for a in ('user', 'trusted') for b in ('origin', 'impure', 'uuid')}

def inside(number):
    return number - first if first <= number < first + 65536 else number

def digest(name):
    with open(name, 'rb', buffering=0) as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()

def attributes(name):
    names = [n for n in os.listxattr(name, follow_symlinks=False) if n not in unsteady and not n.startswith('security.selinux')]
    return {n: base64.b64encode(os.getxattr(name, n, follow_symlinks=False)).decode() for n in sorted(names)}

def describe(shown, name, s, known):
    kind = kinds[stat.S_IFMT(s.st_mode)]
    entry = {'path': shown, 'type': kind, 'mode': stat.S_IMODE(s.st_mode), 'uid': inside(s.st_uid), 'gid': inside(s.st_gid),
             'sizeBytes': s.st_size if kind in ('file', 'link') else 0, 'modifiedAt': int(s.st_mtime // 1)}
    if kind == 'link':
        entry['target'] = os.readlink(name)
    if kind.endswith('device'):
        entry['device'] = [os.major(s.st_rdev), os.minor(s.st_rdev)]
    extra = attributes(name)
    if extra:
        entry['attributes'] = extra
    if kind == 'file':
        entry['sha256'] = known.get(s.st_ino) or digest(name)
        if s.st_nlink > 1:
            known[s.st_ino] = entry['sha256']
    return entry

# Folders are entered by their names and left by '..': a path may be deeper than Python recurses, and longer than the kernel takes.
def walk(folder, place):
    os.chdir(folder)
    found, known, characters = [], {}, 0
    rest = [('', [n for n in os.listdir('.') if not n.startswith(skipped)])]
    while rest:
        parent, names = rest[-1]
        if not names:
            rest.pop()
            if rest:
                os.chdir('..')
            continue
        name = names.pop()
        shown = place[0] = parent + '/' + name
        characters += len(shown)
        if characters > most:
            raise OSError(errno.ENAMETOOLONG, 'too many and too long paths')
        s = os.lstat(name)
        found.append((describe(shown, name, s, known), s.st_ino))
        if stat.S_ISDIR(s.st_mode):
            os.chdir(name)
            rest.append((shown, os.listdir('.')))
    return found

def list_folder(name, folder, place):
    found = walk(folder, place)
    found.sort(key=lambda item: os.fsencode(item[0]['path']))
    names, lines, total = {}, [], 0
    for entry, inode in found:
        if entry['type'] == 'file':
            first_name = names.setdefault(inode, entry['path'])
            if first_name == entry['path']:
                total += entry['sizeBytes']
            else:
                entry['hardLinkOf'] = first_name
        lines.append(json.dumps(entry, separators=(',', ':'), sort_keys=True) + '\n')
    data = ''.join(lines).encode()
    with open('%s/%s.jsonl.gz' % (out, name), 'wb') as file:
        file.write(gzip.compress(data, 3, mtime=0))
    print(name, hashlib.sha256(data).hexdigest(), len(lines), total)

for name, folder in zip(pairs[::2], pairs[1::2]):
    place = ['']
    try:
        list_folder(name, folder, place)
    except OSError as error:
        print(name, '-', 0, 0, error.strerror + ':', json.dumps(folder + place[0][:200]))
`;

/** One list of `listTreeScript` in short. */
export interface ListSummary {
  readonly name: string;
  readonly sha256: Sha256;
  readonly paths: number;
  readonly sizeBytes: number;
  /** Why the folder could not be read; the rest says nothing then. */
  readonly problem?: string;
}

export function parseListSummaries(stdout: string): ListSummary[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', sha256 = '', paths, sizeBytes, ...problem] = line.split(' ');
      const summary = {name, sha256: sha256 as Sha256, paths: Number(paths), sizeBytes: Number(sizeBytes)};
      return problem.length > 0 ? {...summary, problem: problem.join(' ')} : summary;
    });
}

/** The entries of a list's lines. */
export function parseList(lines: string): TreeEntry[] {
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TreeEntry);
}

/** What a later list of the same folder tells: paths that are gone, new, or not as they were, with what differs in words. */
export function listDifferences(before: readonly TreeEntry[], after: readonly TreeEntry[]): string[] {
  const old = new Map(before.map((entry) => [entry.path, entry]));
  const fresh = new Map(after.map((entry) => [entry.path, entry]));
  const found: string[] = [];
  for (const entry of before) {
    const now = fresh.get(entry.path);
    if (!now) found.push(`${entry.path} is gone`);
    else if (JSON.stringify(now) !== JSON.stringify(entry))
      found.push(`${entry.path}: ${changedFields(entry, now).join(', ')}`);
  }
  for (const {path} of after) if (!old.has(path)) found.push(`${path} was added`);
  return found.sort(compareCodePoints);
}

const fieldWords: Readonly<Record<keyof TreeEntry, string>> = {
  path: 'path',
  type: 'type',
  mode: 'mode',
  uid: 'owner',
  gid: 'group',
  sizeBytes: 'size',
  modifiedAt: 'time',
  sha256: 'content',
  target: 'target',
  device: 'device',
  attributes: 'attributes',
  hardLinkOf: 'names',
} satisfies Record<keyof TreeEntry, string>;

function changedFields(before: TreeEntry, after: TreeEntry): string[] {
  const fields = Object.keys(fieldWords) as (keyof TreeEntry)[];
  return fields
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((f) => fieldWords[f]);
}
