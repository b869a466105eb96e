/** Words quoted for a POSIX shell. */
export function words(list: readonly string[]): string {
  return list.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
