import {existsSync} from 'node:fs';
import {mkdir, rmdir, writeFile} from 'node:fs/promises';

/** A control group with little memory. */
export interface MemoryLimit extends AsyncDisposable {
  /** Words that go before those of a command which is to run in it. */
  readonly argv: readonly string[];
}

const hierarchies = [
  {folder: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes'}, // version 1
  {folder: '/sys/fs/cgroup', limit: 'memory.max'}, // version 2
];

/** @returns undefined where this process may not make one. */
export async function limitMemory(bytes: number): Promise<MemoryLimit | undefined> {
  for (const {folder, limit} of hierarchies) {
    const group = `${folder}/trovestack-test-${process.pid}`;
    try {
      await mkdir(group);
    } catch {
      continue; // no such hierarchy, or not ours to write
    }
    if (!existsSync(`${group}/${limit}`)) {
      await rmdir(group);
      continue;
    }
    await writeFile(`${group}/${limit}`, String(bytes));
    return {
      argv: ['sh', '-c', `echo $$ > ${group}/cgroup.procs; exec "$@"`, 'limited'],
      [Symbol.asyncDispose]: () => rmdir(group),
    };
  }
  return undefined;
}
