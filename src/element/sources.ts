import type {Element} from './element.js';
import {reachOf} from './element-file.js';

/** Something that upstream's element source-repositories fetches: a line of an element's `source-repository-*`, with what
 * the variables make of it. Packages are left to the package lists. */
export interface Source {
  readonly name: string;
  readonly type: 'git' | 'tar' | 'file';
  readonly location: string;
  /** Of git: a branch, a tag, a commit, or `*` for all of them. */
  readonly ref: string;
}

/** The element whose hook fetches sources. */
export const sourcesElement = 'source-repositories';

/** A file with lines of sources. */
export function isSourceList(path: string): boolean {
  return /^source-repository-[^/]*[^/~]$/.test(path);
}

/** Whether an image's elements name sources, and have the element that fetches them; which may be kept from the network. */
export function hasSources(elements: readonly Element[]): boolean {
  const fetching = elements.find(({name}) => name === sourcesElement);
  const isFetched = fetching !== undefined && reachOf(fetching.settings, 'extra-data.d') === 'full';
  return isFetched && elements.some(({files}) => files.some(({path}) => isSourceList(path)));
}

/** Reads the lines of the files given, as the element's hook does, after environment.d; prints name, type, location and ref of
 * each source that is wanted, each followed by a NUL. Lines that the hook refuses are left to it.
 * @see diskimage-builder, elements/source-repositories/extra-data.d/98-source-repositories (3.37)
 */
export const sourcesScript = `
if [ -n "\${NO_SOURCE_REPOSITORIES:-}" ]; then exit 0; fi
form='^([^ ]+) (git|tar|file|package) ?(/[^ ]+)? ?([^ ]+)? ?([^ ]*)$'
for list; do
  while read line; do
    set -f; line=$(eval echo $line); set +f
    if [[ $line != \\#* && $line =~ $form ]]; then
      name=\${BASH_REMATCH[1]} type=\${BASH_REMATCH[2]} location=\${BASH_REMATCH[4]} ref=\${BASH_REMATCH[5]}
      case $type in git) ref=\${ref:-master} ;; tar) ref=\${ref:-*} ;; esac
      id=\${name//[^A-Za-z0-9]/_}
      own=DIB_REPOTYPE_$id; type=\${!own:-$type}
      own=DIB_REPOREF_$id; ref=\${!own:-$ref}
      own=DIB_INSTALLTYPE_$id
      if [ "\${!own:-$DIB_DEFAULT_INSTALLTYPE}" = source ]; then
        own=DIB_REPOLOCATION_$id
        if [ -n "\${!own:-}" ]; then
          location=\${!own}
        elif [ "$type" = git ] && [ -n "\${DIB_GITREPOBASE:-}" ] && [[ $location =~ ^[^:]+://[^/]+/(~[^/]+)?(.*)$ ]]; then
          location=$DIB_GITREPOBASE\${BASH_REMATCH[2]}
        fi
        printf '%s\\0' "$name" "$type" "$location" "$ref"
      fi
    fi
  done < "$list"
done
`;

/** @param printed By `sourcesScript`. */
export function parseSources(printed: string): Source[] {
  const members = printed.split('\0').slice(0, -1);
  const sources: Source[] = [];
  for (let i = 0; i < members.length; i += 4) {
    const [name = '', type = '', location = '', ref = ''] = members.slice(i, i + 4);
    if (type === 'git' || type === 'tar' || type === 'file') sources.push({name, type, location, ref});
  }
  return sources;
}
