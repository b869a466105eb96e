/** Whether apt (or mmdebstrap, which runs it) could not fetch. */
export function isMirrorTrouble(output: string): boolean {
  return /^(E|Err|W): ?(Failed to fetch|Unable to fetch|The repository .* (is not|no longer))|^Err:\d+ |Could not (resolve|connect)|Temporary failure resolving|Unable to connect to/m.test(
    output,
  );
}

/** Whether apt knew of no such package: its indexes may not have been whole. */
export function isPackageUnknown(output: string): boolean {
  return /^E: (Unable to locate package|Package '.*' has no installation candidate|Couldn't find any package)/m.test(
    output,
  );
}
