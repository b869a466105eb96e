import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';

/** What a run of trovestack may leave on a machine, and must not. */
export interface HostTraces {
  readonly mounts: readonly string[];
  readonly networkDevices: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly loopDevices: readonly string[];
  /** Of the device files that every program uses: type and permissions. */
  readonly deviceModes: Readonly<Record<string, string>>;
  /** Command lines of processes in other pid or network namespaces than ours, and of emulators. */
  readonly processes: readonly string[];
}

/** Reads this machine's traces, for comparison before and after. */
export function hostTraces(): HostTraces {
  return {
    mounts: lines(readFileSync('/proc/self/mountinfo', 'utf8'))
      .map((line) => line.split(' ').slice(2, 6).join(' '))
      .sort(),
    networkDevices: lines(output('ip', ['-o', 'link']))
      .map((line) => line.split(': ')[1]?.split('@')[0] ?? line)
      .sort(),
    networkNamespaces: lines(output('ip', ['netns'])).sort(),
    loopDevices: lines(output('losetup', ['-a'])).sort(),
    deviceModes: Object.fromEntries(
      ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => [
        name,
        statSync(`/dev/${name}`).mode.toString(8),
      ]),
    ),
    processes: foreignProcesses(),
  };
}

function foreignProcesses(): string[] {
  const ours = {pid: readlinkSync('/proc/self/ns/pid'), net: readlinkSync('/proc/self/ns/net')};
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const isForeign =
          readlinkSync(`/proc/${pid}/ns/pid`) !== ours.pid || readlinkSync(`/proc/${pid}/ns/net`) !== ours.net;
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return command && (isForeign || command.startsWith('qemu-system')) ? [command] : [];
      } catch {
        return []; // it ended while we looked
      }
    })
    .sort();
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {encoding: 'utf8'});
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean);
}
