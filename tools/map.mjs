// The folder map, drawn from the imports, and the rules that imports flow one way and that the start stays light.
//   node tools/map.mjs --write   puts the map into ARCHITECTURE.md
//   node tools/map.mjs --check   fails when the map there is old, or an import goes the wrong way
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const source = join(home, 'src');

/** Ranks: a folder imports from lower ranks only; folders of one rank don't know each other, but for the pairs below. */
const ranks = [
  ['base'],
  ['archive', 'datastore', 'element', 'guest', 'image', 'inspection', 'lock', 'passport', 'plan', 'rules'],
  ['cloud', 'devcloud', 'disk', 'sandbox', 'store'],
  ['workflows', 'report'],
  ['cli'],
];
/** Imports allowed within a rank: pure folders, from the outcome towards what it is made of. */
const within = new Set([
  'image→datastore',
  'image→element',
  'plan→element',
  'plan→image',
  'plan→datastore',
  'guest→datastore',
  'lock→archive',
  'rules→inspection',
]);
/** `report` knows events and errors only. */
const reportSees = new Set(['base', 'report']);

const folders = ranks.flat();
const rankOf = (folder) => ranks.findIndex((rank) => rank.includes(folder));
const problems = [];
const edges = new Map();

for (const file of listFiles(source)) {
  if (file.endsWith('.test.ts')) continue;
  const from = relative(source, file).split('/')[0];
  if (!folders.includes(from)) problems.push(`src/${from} isn't in the map: give it a rank in tools/map.mjs`);
  for (const target of importsOf(readFileSync(file, 'utf8'))) {
    const to = relative(source, resolve(dirname(file), target)).split('/')[0];
    if (to === from || target.includes('package.json')) continue;
    if (!isAllowed(from, to))
      problems.push(`${relative(home, file)} imports from src/${to}: imports flow the other way`);
    const inside = relative(join(source, to), resolve(dirname(file), target));
    const frontDoors = to === 'workflows' || to === 'cli' ? undefined : 'index.js';
    if (frontDoors && inside !== frontDoors)
      problems.push(`${relative(home, file)} imports src/${to}/${inside}: use its index.js`);
    if (!edges.has(from)) edges.set(from, new Set());
    edges.get(from).add(to);
  }
}

function isAllowed(from, to) {
  if (from === 'report') return reportSees.has(to);
  if (from === 'cli' && to === 'report') return true;
  if (to === 'report') return from === 'cli';
  return rankOf(to) < rankOf(from) || within.has(`${from}→${to}`);
}

function listFiles(folder) {
  return readdirSync(folder, {withFileTypes: true}).flatMap((entry) =>
    entry.isDirectory()
      ? listFiles(join(folder, entry.name))
      : entry.name.endsWith('.ts')
        ? [join(folder, entry.name)]
        : [],
  );
}

function importsOf(text) {
  const code = text.replace(/^\s*\*.*$/gm, '');
  return [...code.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1]);
}

/** What the program loads before a command acts: libraries that cost a start more than they give it stay out. */
const heavy = new Set(['zod', 'yaml']);
const loaded = new Set();
const waiting = [join(source, 'cli/main.ts'), ...listFiles(join(source, 'cli/commands'))];
for (let file = waiting.pop(); file; file = waiting.pop()) {
  if (loaded.has(file)) continue;
  loaded.add(file);
  for (const [, target] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\s+(?!type\b)[^';]*?from\s+'([^']+)'/gm,
  )) {
    if (heavy.has(target)) problems.push(`${relative(home, file)} loads ${target} at every start: import it later`);
    if (target.startsWith('.') && target.endsWith('.js')) {
      waiting.push(resolve(dirname(file), target.replace(/\.js$/, '.ts')));
    }
  }
}

/** What lives in a folder: the comment at the head of its index.ts. */
function purposeOf(folder) {
  const path = join(source, folder, 'index.ts');
  try {
    return /^\/\*\*\s*([\s\S]*?)\s*\*\//.exec(readFileSync(path, 'utf8'))?.[1]?.replace(/\s*\n\s*\*?\s*/g, ' ') ?? '';
  } catch {
    return (
      {
        workflows: 'One file per thing that people come for.',
        cli: 'Arguments and environment → options; one file per command; exit codes.',
      }[folder] ?? ''
    );
  }
}

const rows = [...ranks]
  .reverse()
  .flat()
  .filter((folder) => edges.has(folder) || folder === 'base')
  .map(
    (folder) => `| \`src/${folder}\` | ${purposeOf(folder)} | ${[...(edges.get(folder) ?? [])].sort().join(', ')} |`,
  );
const map = ['| Folder | What lives there | Imports from |', '|---|---|---|', ...rows].join('\n');

const page = join(home, 'ARCHITECTURE.md');
const old = readFileSync(page, 'utf8');
const fresh = old.replace(/(<!-- map -->\n)[\s\S]*?\n?(<!-- end of map -->)/, `$1${map}\n$2`);
if (process.argv.includes('--write')) writeFileSync(page, fresh);
else if (fresh !== old) problems.push('the map in ARCHITECTURE.md is old: npm run map');

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
if (problems.length === 0) console.log(`map: ${folders.length} folders, imports flow one way`);
