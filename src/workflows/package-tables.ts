import {readFile} from 'node:fs/promises';
import {type Deb, tableProgram} from '../archive/index.js';
import {describeEnd, HostError, lastLines, type Sha256, type World} from '../base/index.js';
import {enter, type Mount, ownByNamespace, type Tree} from '../sandbox/index.js';
import type {PackageFiles} from '../store/index.js';
import type {Workshop} from './workshop.js';

/** What the programs of a root say of indexes and packages in the store; it is kept there too. */
export class PackageTables {
  readonly #workshop: Workshop;
  readonly #world: World;

  constructor(workshop: Workshop, world: World) {
    this.#workshop = workshop;
    this.#world = world;
  }

  get #files(): PackageFiles {
    return this.#workshop.store.packages;
  }

  /** The table of an index of packages.
   * @param tools A root with apt and awk.
   */
  async table(digest: Sha256, tools: Tree): Promise<string> {
    const known = await this.#files.readMade(digest, 'table');
    if (known !== undefined) return known;
    const out = await this.#workshop.work.newFolder();
    await ownByNamespace(out);
    const script = `/usr/lib/apt/apt-helper cat-file /tmp/index.xz | awk '${tableProgram}' > /tmp/out/table`;
    await this.#runTool(
      'reading an index of packages',
      tools,
      script,
      [],
      [
        {kind: 'bind', at: '/tmp/index.xz', from: `${this.#files.folder}/${digest}`, readOnly: true},
        {kind: 'bind', at: '/tmp/out', from: out, readOnly: false},
      ],
    );
    const table = await readFile(`${out}/table`, 'utf8');
    await this.#files.writeMade(digest, 'table', table);
    return table;
  }

  /** The control files of packages, by their digests.
   * @param tools A root with dpkg-deb.
   */
  async controls(debs: readonly Deb[], tools: Tree): Promise<Map<Sha256, string>> {
    const controls = new Map<Sha256, string>();
    const unread: Sha256[] = [];
    for (const {sha256: digest} of debs) {
      const known = await this.#files.readMade(digest, 'control');
      if (known === undefined) unread.push(digest);
      else controls.set(digest, known);
    }
    if (unread.length === 0) return controls;
    const script = 'cd /mnt; for file; do printf "\\001%s\\n" "$file"; dpkg-deb --field "$file"; done';
    const printed = await this.#runTool('reading the packages of the lock', tools, script, unread, [
      {kind: 'bind', at: '/mnt', from: this.#files.folder, readOnly: true},
    ]);
    for (const part of printed.split('\x01').slice(1)) {
      const end = part.indexOf('\n');
      const [digest, control] = [part.slice(0, end) as Sha256, part.slice(end + 1)];
      controls.set(digest, control);
      await this.#files.writeMade(digest, 'control', control);
    }
    return controls;
  }

  async #runTool(
    doing: string,
    root: Tree,
    script: string,
    args: readonly string[],
    mounts: readonly Mount[],
  ): Promise<string> {
    const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8'};
    const argv = ['sh', '-e', '-c', script, 'packages', ...args];
    const outcome = await enter(
      {
        name: 'packages',
        root,
        mounts: [{kind: 'tmpfs', at: '/tmp'}, ...mounts],
        network: 'none',
        ids: 'mapped',
        env,
        cwd: '/',
        argv,
      },
      this.#workshop.sandboxes,
      {signal: this.#world.signal},
    );
    if (outcome.exitCode === 0) return outcome.stdout;
    const output = lastLines(outcome.stderr, 15);
    throw new HostError('command-failed', {doing, command: 'sh', outcome: describeEnd(outcome), output});
  }
}
