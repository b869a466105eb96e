import {HostError, type Sha256} from '../base/index.js';

/** A file of the store. */
export interface Found {
  readonly kind: 'found';
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/** Why there is no file. */
export type Trouble =
  | {readonly kind: 'moved' | 'altered' | 'unreachable'; readonly file: string; readonly problem: string}
  | {readonly kind: 'offline'; readonly file: string};

/** The archive has no such file, and need not have it. */
export interface Absent {
  readonly kind: 'absent';
}

/** For apt. */
export function describeTrouble(trouble: Trouble | Absent): string {
  switch (trouble.kind) {
    case 'absent':
      return 'not in the archive';
    case 'offline':
      return 'not in the store, and the network is not used';
    default:
      return trouble.problem;
  }
}

/** For people. */
export function troubleError(trouble: Trouble, doing: string): HostError {
  const {kind, file} = trouble;
  if (kind === 'offline') return new HostError('not-at-hand', {files: [file]});
  if (kind === 'moved') return new HostError('archive-moved', {doing, file});
  if (kind === 'altered') return new HostError('package-altered', {file, problem: trouble.problem});
  return new HostError('mirror-unreachable', {doing, problem: trouble.problem});
}
