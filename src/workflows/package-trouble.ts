/** Whether a program failed for want of space on the disk. */
export function isDiskFull(output: string): boolean {
  return /No space left on device|You don't have enough free space/.test(output);
}

/** Whether apt (or mmdebstrap, which runs it) could not fetch. */
export function isMirrorTrouble(output: string): boolean {
  return /^(E|Err|W): ?(Failed to fetch|Unable to fetch|The repository .* (is not|no longer))|^Err:\d+ |Could not (resolve|connect)|Temporary failure resolving|Unable to connect to/m.test(
    output,
  );
}
