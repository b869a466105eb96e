/** An OpenStack series, as far as guest images depend on it. */
export interface Series {
  readonly name: string;
  /** Major version of Trove, its guest agent's too. */
  readonly troveVersion: number;
}

/** Source: the version of the package trove-guestagent in the Debian release beside it; docs/upstream/series.md. */
const known: readonly Series[] = [
  {name: 'zed', troveVersion: 18}, // bookworm
  {name: '2025.1', troveVersion: 23}, // trixie
  {name: '2026.2', troveVersion: 26}, // sid
];

export function findSeries(name: string): Series | undefined {
  return known.find((series) => series.name === name.toLowerCase());
}
