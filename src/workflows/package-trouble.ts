/** Whether apt (or mmdebstrap, which runs it) could not fetch. */
export function isMirrorTrouble(output: string): boolean {
  return /^(E|Err|W): ?(Failed to fetch|Unable to fetch|The repository .* (is not|no longer))|^Err:\d+ |Could not (resolve|connect)|Temporary failure resolving|Unable to connect to/m.test(
    output,
  );
}
