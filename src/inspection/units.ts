import {compareCodePoints} from '../base/index.js';
import {type ImageContent, textAt} from './content.js';

/** What systemd would say of a unit by its files alone. `static`: it has nothing to be enabled by, others pull it in. */
export type UnitState = 'enabled' | 'disabled' | 'static' | 'masked';

const folders = ['/etc/systemd/system', '/usr/lib/systemd/system'] as const;

/** Every unit file of the system manager with its state, by name.
 * @see systemctl(1), is-enabled; presets and generators, which act at boot, are not asked.
 */
export function unitStates(content: ImageContent): ReadonlyMap<string, UnitState> {
  const states = new Map<string, UnitState>();
  const enabled = enabledUnits(content);
  for (const folder of folders) {
    for (const entry of content.listing) {
      const name = nameIn(folder, entry.path);
      if (name === undefined || states.has(name) || entry.type === 'folder') continue;
      const isMasked = entry.type === 'link' && entry.target === '/dev/null';
      if (isMasked) states.set(name, 'masked');
      else if (enabled.has(name)) states.set(name, 'enabled');
      else states.set(name, isInstallable(content, entry.path) ? 'disabled' : 'static');
    }
  }
  for (const name of enabled) if (!states.has(name)) states.set(name, 'enabled'); // instances of templates
  return new Map([...states].sort(([a], [b]) => compareCodePoints(a, b)));
}

const unitSuffix = /\.(service|socket|timer|path|mount|automount|target|slice|swap)$/;

function nameIn(folder: string, path: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const name = path.slice(folder.length + 1);
  return !name.includes('/') && unitSuffix.test(name) ? name : undefined;
}

/** Those that a `.wants` or `.requires` folder in /etc names, and the aliases there. */
function enabledUnits({listing}: ImageContent): Set<string> {
  const [local] = folders;
  const names = listing.flatMap(({path, type, target}) => {
    if (type !== 'link' || !path.startsWith(`${local}/`) || target === '/dev/null') return [];
    const pulled = /\.(?:wants|requires|upholds)\/([^/]+)$/.exec(path)?.[1];
    if (pulled) return [pulled];
    return nameIn(local, path) ? [target?.split('/').pop() ?? ''] : [];
  });
  return new Set(names.filter(Boolean));
}

function isInstallable(content: ImageContent, path: string): boolean {
  const text = textAt(content, path);
  return text !== undefined && /^\s*(WantedBy|RequiredBy|UpheldBy|Alias|Also)\s*=/m.test(text);
}

/** The text of a unit: its own file, then the drop-ins of /usr/lib and /etc, as systemd reads them. */
export function unitText(content: ImageContent, name: string): string {
  const template = name.replace(/@[^.]*\./, '@.');
  const own = [name, template].flatMap((file) => folders.map((folder) => textAt(content, `${folder}/${file}`)));
  const dropIns = Object.keys(content.texts)
    .filter((path) => folders.some((folder) => path.startsWith(`${folder}/${name}.d/`)) && path.endsWith('.conf'))
    .sort((a, b) => compareCodePoints(a.split('/').pop() ?? '', b.split('/').pop() ?? ''))
    .map((path) => content.texts[path] ?? '');
  return [own.find((text) => text !== undefined) ?? '', ...dropIns].join('\n');
}
