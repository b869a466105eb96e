import type {SizeShare} from '../../inspection/index.js';
import {formatBytes} from '../../report/index.js';
import type {ExplainedPackage, ExplainedPath, ExplainedSize, Explanation, Writer} from '../../workflows/image-why.js';
import type {Cli} from '../cli.js';

export function register(cli: Cli): void {
  cli
    .noun('image')
    .command('why')
    .description('say where a path, a package or the size of an image came from')
    .argument('<what>', 'an absolute path in the image, "package:NAME" or "size"')
    .argument('[image]', 'a file, or the name or digest of an image in the store (default: the one built last)')
    .option('--all', 'every line of long lists')
    .addHelpText('after', help)
    .action(
      cli.actInNamespace(async (world, what: string, image: string | undefined, options: {all?: true}) => {
        const {imageWhy} = await import('../../workflows/image-why.js');
        const explanation = await imageWhy(what, image, world);
        return {value: explanation, text: textOf(explanation, options.all === true)};
      }),
    );
}

const help = `
  trovestack image why /etc/ssh/sshd_config       the steps that wrote it, the last one first, and its package
  trovestack image why package:libicu76           what asked for it, and the chain of dependencies that leads to it
  trovestack image why size mariadb:11.8          what takes the space, by element, step, package and folder

Steps are told of images that were built with this store, as long as it has the steps' results.`;

function textOf(explanation: Explanation, showsAll: boolean): string {
  const lines = linesOf(explanation, showsAll);
  const [head = '', ...rest] = lines;
  return [head, ...rest, ...explanation.notes.map((note) => `note: ${note}`)].join('\n');
}

function linesOf(explanation: Explanation, showsAll: boolean): string[] {
  switch (explanation.kind) {
    case 'path':
      return pathLines(explanation);
    case 'package':
      return packageLines(explanation, showsAll);
    case 'size':
      return sizeLines(explanation, showsAll);
  }
}

function pathLines({image, entry, packages, writers}: ExplainedPath): string[] {
  const {path, type, mode, uid, gid, sizeBytes, target} = entry;
  const what = type === 'file' ? `file of ${formatBytes(sizeBytes)}` : type === 'link' ? `link to ${target}` : type;
  const owner = packages.length > 0 ? packages.join(', ') : 'none: no package lists it';
  return [
    `${path}: ${what}, mode ${mode.toString(8).padStart(4, '0')}, owner ${uid}:${gid}`,
    `  image    ${image}`,
    `  package  ${owner}`,
    ...(writers ?? []).map((writer, i) => `  ${i === 0 ? 'by       ' : 'before   '}${writerText(writer)}`),
  ];
}

function writerText({step, act, differences, element}: Writer): string {
  const did = act === 'changed' ? `changed ${differences.join(', ')}` : act;
  return `${step} (${did}${element === undefined ? '' : `; element ${element}`})`;
}

function packageLines(explained: ExplainedPackage, showsAll: boolean): string[] {
  const {package: found, chain, neededBy, steps, image} = explained;
  const reason = reasonOf(explained);
  return [
    `${found.name} ${found.version} (${found.architecture}, source ${found.source})`,
    `  image    ${image}`,
    `  asked by ${reason}`,
    ...(chain && chain.length > 1 ? [`  chain    ${chain.join(' → ')}`] : []),
    ...limited(neededBy, showsAll, neededBy.length > 0 ? '  needed   by ' : ''),
    ...(steps ?? []).map(
      ({step, version, element}) =>
        `  step     ${step} (${version}${element === undefined ? '' : `; element ${element}`})`,
    ),
  ];
}

function reasonOf({package: found, isAutomatic, requestedBy, steps}: ExplainedPackage): string {
  if (requestedBy.length > 0) return `the package list of ${requestedBy.join(', ')}`;
  if (isAutomatic) return 'nothing by name: it came as a dependency';
  const first = steps?.at(-1)?.step;
  if (first === undefined)
    return found.isEssential ? 'the base system (it is essential)' : 'a hook, or the base system';
  return first.includes('/root.d/') ? `the base system, as ${first} makes it` : 'a hook, by name';
}

function limited(names: readonly string[], showsAll: boolean, label: string): string[] {
  if (names.length === 0) return [];
  const shown = showsAll ? names : names.slice(0, 8);
  const more = names.length - shown.length;
  return [`${label}${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

function sizeLines(
  {image, totalBytes, elements, steps, packages, folders}: ExplainedSize,
  showsAll: boolean,
): string[] {
  const section = (title: string, shares: readonly SizeShare[] | undefined, unnamed: string): string[] => {
    if (!shares) return [];
    const shown = showsAll ? shares : shares.slice(0, 8);
    const more = shares.length - shown.length;
    return [
      `by ${title}`,
      ...shown.map((s) => `  ${formatBytes(s.sizeBytes).padStart(10)}  ${s.name || unnamed} (${s.files} files)`),
      ...(more > 0 ? [`              … and ${more} more (--all shows them)`] : []),
    ];
  };
  return [
    `${image}: ${formatBytes(totalBytes)} in files`,
    ...section('element', elements, ''),
    ...section('step', steps, ''),
    ...section('package', packages, 'files of no package'),
    ...section('folder', folders, '/'),
  ];
}
