import {readdirSync, readFileSync} from 'node:fs';

/** A process of this machine, told apart from a later one with the same number. */
export interface KnownProcess {
  readonly pid: number;
  readonly startTicks: string;
}

/** The processes that a process has started, and those that these have, and so on; itself first. */
export function descendants(pid: number): KnownProcess[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const found = all.filter((entry) => entry.pid === pid);
  for (const parent of found) found.push(...all.filter((entry) => entry.parent === parent.pid));
  return found.map(({pid: number, startTicks}) => ({pid: number, startTicks}));
}

/** Those that still run; what has ended and waits for its parent doesn't. */
export function stillRunning(processes: readonly KnownProcess[]): KnownProcess[] {
  return processes.filter(({pid, startTicks}) => {
    const now = readStat(pid);
    return now?.startTicks === startTicks && now.state !== 'Z';
  });
}

function readStat(pid: number): (KnownProcess & {readonly parent: number; readonly state: string}) | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {pid, state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? ''};
  } catch {
    return undefined; // it ended while we looked
  }
}
