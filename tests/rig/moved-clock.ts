import {spawnSync} from 'node:child_process';
import {mkdir, readdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';

/** From an offset as libfaketime has it (`+40d`) to variables for a command. */
export type MovedClock = (offset: string) => Record<string, string>;

/** Gives `trovestack` another day. The programs that it starts have the machine's. Asks for a Debian or Ubuntu machine with
 * network: libfaketime is a package of its archive.
 * @param folder An empty one, removed by the caller.
 */
export async function movedClock(folder: string): Promise<MovedClock> {
  demand(folder, 'apt-get', '-o', 'APT::Sandbox::User=root', 'download', 'libfaketime');
  const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  await mkdir(join(folder, 'root'));
  demand(folder, 'dpkg-deb', '--extract', file, 'root');
  const found = (await readdir(join(folder, 'root'), {recursive: true})).find((name) =>
    name.endsWith('/libfaketimeMT.so.1'),
  );
  if (!found) throw new Error(`${file} has no libfaketimeMT.so.1`);
  // In other namespaces the library finds no semaphore of its own, and ends the program.
  const alone = join(folder, 'alone.mjs');
  await writeFile(alone, 'delete process.env.LD_PRELOAD;\n');
  return (offset) => ({
    LD_PRELOAD: join(folder, 'root', found),
    FAKETIME: offset,
    // What measures durations goes on as it is.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NODE_OPTIONS: `--import=${alone}`,
  });
}

function demand(cwd: string, program: string, ...args: readonly string[]): void {
  const {status, stderr} = spawnSync(program, args, {cwd, encoding: 'utf8'});
  if (status !== 0) throw new Error(`${program} exited with ${status}:\n${stderr}`);
}
