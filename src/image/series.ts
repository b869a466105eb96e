/** An OpenStack series, as far as guest images depend on it. */
export interface Series {
  readonly name: string;
  /** Major version of Trove, its guest agent's too. */
  readonly troveVersion: number;
  /** Debian release whose packages hold it. */
  readonly debianRelease: string;
}

/** Source: the version of the package trove-guestagent in each Debian release. */
const known: readonly Series[] = [
  {name: 'zed', troveVersion: 18, debianRelease: 'bookworm'},
  {name: '2025.1', troveVersion: 23, debianRelease: 'trixie'},
  {name: '2026.1', troveVersion: 26, debianRelease: 'sid'},
];

export function findSeries(name: string): Series | undefined {
  return known.find((series) => series.name === name.toLowerCase());
}
