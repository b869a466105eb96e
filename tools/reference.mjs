// The reference pages that are made from the code: commands, errors, the rules for images, the support matrix.
//   node tools/reference.mjs --write   writes docs/reference/*.md
//   node tools/reference.mjs --check   fails when one of them is old
// Needs the built program (npm run build).
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const {buildProgram, Session} = await import('../dist/cli/main.js');
const {exitCodes} = await import('../dist/base/index.js');

const common = new Set(['--output', '--events', '--quiet', '--verbose']);
const pages = {
  'docs/reference/commands.md': await commandsPage(),
  'docs/reference/errors.md': errorsPage(),
  'docs/reference/image-rules.md': await rulesPage(),
  'docs/reference/support-matrix.md': await matrixPage(),
  'docs/reference/verdicts.md': await verdictsPage(),
};
let old = 0;
for (const [path, text] of Object.entries(pages)) {
  const file = join(home, path);
  if (process.argv.includes('--write')) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${path} is old: npm run reference`);
    old++;
  }
}
process.exitCode = old > 0 ? 1 : 0;

async function commandsPage() {
  const program = await buildProgram(new Session(process.env));
  const sections = leaves(program, []).map(({command, words}) => {
    const options = command.options.filter((option) => !common.has(option.long));
    const rows = options.map(
      (option) =>
        `| \`${option.flags.replaceAll('|', '\\|')}\` | ${cell(option.description)} | ${option.defaultValue === undefined ? '' : `\`${option.defaultValueDescription ?? option.defaultValue}\``} |`,
    );
    const usage = [
      ...words,
      ...command.registeredArguments.map((a) => argument(a)),
      ...(options.length ? ['[options]'] : []),
    ].join(' ');
    return [
      `## trovestack ${words.join(' ')}`,
      '',
      `${command.description()}.`,
      '',
      '```',
      `trovestack ${usage}`,
      '```',
      ...(command.registeredArguments.length
        ? ['', ...command.registeredArguments.map((a) => `- \`${argument(a)}\`: ${a.description}`)]
        : []),
      ...(rows.length ? ['', '| Option | Meaning | Default |', '|---|---|---|', ...rows] : []),
    ].join('\n');
  });
  return [
    '# Commands',
    '',
    'Made from the program by `npm run reference`.',
    '',
    'Every command takes `--output text|json` (the result alone on stdout), `--events FILE` (what happens, as JSON Lines),',
    '`--quiet`, `--verbose` and `--help`. Progress goes to stderr. Exit codes: [errors.md](errors.md).',
    '',
    sections.join('\n\n'),
    '',
  ].join('\n');
}

function argument(a) {
  const name = `${a.name()}${a.variadic ? '...' : ''}`;
  return a.required ? `<${name}>` : `[${name}]`;
}

function leaves(command, words) {
  if (words.length > 0 && command.commands.length === 0) return [{command, words}];
  return command.commands.flatMap((child) => leaves(child, [...words, child.name()]));
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function errorsPage() {
  const tables = {usage: 'usageWords', step: 'stepWords', host: 'hostWords', cloud: 'cloudWords'};
  const who = {
    usage: 'the person typing, or writing the file',
    step: "the element's author",
    host: 'whoever owns this machine',
    cloud: "the cloud's operator",
  };
  const parts = Object.entries(tables).map(([errorClass, name]) => {
    const source = readFileSync(join(home, `src/base/words/${errorClass}.ts`), 'utf8');
    const codes = [...source.matchAll(/^ {2}'?([a-z][a-z-]*)'?: \(/gm)].map((match) => match[1]);
    if (codes.length === 0) throw new Error(`no codes in ${name}`);
    return [
      `## Exit ${exitCodes[errorClass]}: ${who[errorClass]} can act`,
      '',
      ...codes.map((code) => `- \`${code}\``),
    ].join('\n');
  });
  const bootstrap = readFileSync(join(home, 'trovestack'), 'utf8');
  const setupCodes = new Set([...bootstrap.matchAll(/\bfail ([a-z]+(?:-[a-z]+)+)/g)].map((match) => match[1]));
  parts.push(
    ['## Exit 4 too: the setup script', '', ...[...setupCodes].sort().map((code) => `- \`${code}\``)].join('\n'),
    [
      '## The command line itself',
      '',
      '- `bad-usage`, exit 2: no such command or option',
      `- \`interrupted\`, exit ${exitCodes.interrupted}`,
    ].join('\n'),
  );
  return [
    '# Errors and exit codes',
    '',
    'Made from the tables in `src/base/words/` by `npm run reference`. Codes keep their meaning for good.',
    '',
    `0 is success, ${exitCodes.interrupted} an interruption (everything started was ended), ${exitCodes.bug} a mistake of ours.`,
    '',
    parts.join('\n\n'),
    '',
  ].join('\n');
}

async function matrixPage() {
  const {readCatalogue} = await import('../dist/datastore/index.js');
  const catalogue = await readCatalogue(home);
  const rows = [...catalogue.values()].flatMap((datastore) =>
    datastore.versions.flatMap((version) =>
      version.images.map(
        (image) =>
          `| ${datastore.name} | ${version.version} | ${image.series} | ${image.distribution} ${image.release} | ${image.architectures.join(', ')} | ${image.proof} |`,
      ),
    ),
  );
  return [
    '# Support matrix',
    '',
    'Made from `datastores/*.yaml` by `npm run reference`. *proven*: our tests build it, boot it and query it;',
    '*built*: it builds, not exercised by our tests; *described*: written down, not exercised by our tests.',
    '',
    '| Datastore | Version | Series | Distribution | Architectures | State |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

async function rulesPage() {
  const {rules} = await import('../dist/rules/index.js');
  const sections = rules.map(({id, severity, statement, reason, remedy, source}) =>
    [
      `## ${id}`,
      '',
      `${statement.charAt(0).toUpperCase()}${statement.slice(1)}. (${severity})`,
      '',
      `- Why: ${reason}`,
      `- Remedy: ${remedy}`,
      `- Source: ${source}`,
    ].join('\n'),
  );
  return [
    '# Rules for guest images',
    '',
    'Made from `src/rules/` by `npm run reference`. `trovestack image verify FILE` asks all of them, without mounting the image and',
    'without booting it; `--boot` then asks what only a running guest can tell. An error makes the exit code 3. Findings that may stay',
    'for a while are waived in a file (`schemas/waivers.schema.json`), each with its reason and its last day.',
    '',
    sections.join('\n\n'),
    '',
  ].join('\n');
}

async function verdictsPage() {
  const {remedies} = await import('../dist/guest/index.js');
  return [
    '# What keeps a guest from serving',
    '',
    'Made from `src/guest/cause.ts` by `npm run reference`. `trovestack image verify FILE --boot` and `trovestack diagnose CONSOLE.log`',
    'name one of these, with what was seen. Kinds keep their names: `image:` is for who built the image, `guest:` for who chose the',
    "flavor, `cloud:` for the cloud's operator, `host:` for the machine that boots it.",
    '',
    '| Cause | Remedy |',
    '|---|---|',
    ...Object.entries(remedies).map(([kind, remedy]) => `| \`${kind}\` | ${cell(remedy)} |`),
    '',
  ].join('\n');
}
