/** Words quoted for a POSIX shell. */
export function shellWords(list: readonly string[]): string {
  return list.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
