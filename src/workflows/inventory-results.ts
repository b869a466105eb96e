import {readFile} from 'node:fs/promises';
import {describeEnd, HostError, lastLines, type Sha256, type TrovestackError, type World} from '../base/index.js';
import {type ListSummary, listTreeScript, parseListSummaries} from '../inspection/index.js';
import {enter, ownSandboxIds} from '../sandbox/index.js';
import {
  inventoryForm,
  notInventoried,
  type ResultKind,
  readInventorySummary,
  resultKinds,
  storeError,
  writeInventory,
} from '../store/index.js';
import type {ToolsRoot} from './tools-root.js';
import type {Workshop} from './workshop.js';

/** A result by its place in the store. */
export interface ResultPlace {
  readonly kind: ResultKind;
  readonly key: Sha256;
  readonly folder: string;
}

/** A result as it is now. */
export interface ListedResult extends ListSummary {
  readonly compressed?: Buffer;
}

/** Lists results as they are now. Everything in them is read, at about a gigabyte a second when the files are in memory.
 * @returns In the order of the results, each with its compressed lines; none where the result can't be read.
 * @throws {HostError} `command-failed`
 */
export async function listResults(
  results: readonly ResultPlace[],
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<ListedResult[]> {
  if (results.length === 0) return [];
  const {store, work, sandboxes} = workshop;
  const lists = await work.newFolder();
  const pairs = results.flatMap(({kind, key}, i) => [String(i), `/results/${kind}/${key}`]);
  const outcome = await enter(
    {
      name: 'inventory',
      root: tools.tree,
      mounts: [
        ...resultKinds.map((kind) => {
          return {kind: 'bind', at: `/results/${kind}`, from: `${store.folder}/${kind}`, readOnly: true} as const;
        }),
        {kind: 'bind', at: '/lists', from: lists, readOnly: false},
      ],
      network: 'none',
      ids: 'host', // the owners outside are seen, and what only they may read
      env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'},
      cwd: '/',
      argv: [
        'python3',
        '-c',
        listTreeScript,
        String(ownSandboxIds().base),
        '/lists',
        ...pairs,
        '--',
        ...notInventoried,
      ],
    },
    sandboxes,
    {signal: world.signal},
  );
  if (outcome.exitCode !== 0) {
    const output = lastLines(outcome.stderr, 5);
    throw new HostError('command-failed', {
      doing: 'reading the results in the store',
      command: 'python3',
      outcome: describeEnd(outcome),
      output,
    });
  }
  const summaries = parseListSummaries(outcome.stdout);
  return Promise.all(
    summaries.map(async (summary) => {
      if (summary.problem !== undefined) return summary;
      return {...summary, compressed: await readFile(`${lists}/${summary.name}.jsonl.gz`)};
    }),
  );
}

/** Keeps what new results hold, so that `store verify` can tell what has become of them, and `image why` who brought a path.
 * Those that have their inventory are left alone. A result whose inventory can't be made is a result all the same: a warning
 * tells, and the next build tries again.
 */
export async function inventoryResults(
  results: readonly ResultPlace[],
  workshop: Workshop,
  tools: ToolsRoot,
  world: World,
): Promise<void> {
  const warn = (error: TrovestackError) =>
    world.emit({type: 'warning', text: `${error.message}; what it holds is not known to store verify`});
  const known = await Promise.all(results.map(({folder}) => readInventorySummary(folder)));
  const fresh = results.filter((_, i) => known[i] === undefined);
  try {
    const lists = await listResults(fresh, workshop, tools, world);
    for (const [i, {compressed, sha256, paths, sizeBytes, problem}] of lists.entries()) {
      const folder = fresh[i]?.folder ?? '';
      if (compressed) await writeInventory(folder, compressed, {form: inventoryForm, sha256, paths, sizeBytes});
      else warn(new HostError('unreadable-result', {folder, problem: problem ?? ''}));
    }
  } catch (error) {
    const told = storeError(error, workshop.store.folder);
    if (!(told instanceof HostError)) throw error;
    warn(told);
  }
}
