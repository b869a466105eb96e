import {compareCodePoints} from '../base/index.js';
import type {TreeListing} from './listing.js';

/** What one package, folder or step takes. */
export interface SizeShare {
  readonly name: string;
  readonly sizeBytes: number;
  readonly files: number;
}

/** Sums of file sizes, largest first. A file with several names counts once. */
export function sizesBy(listing: TreeListing, nameOf: (path: string) => string): SizeShare[] {
  const shares = new Map<string, {sizeBytes: number; files: number}>();
  for (const {path, type, sizeBytes, hardLinkOf} of listing) {
    if (type !== 'file' || hardLinkOf !== undefined) continue;
    const name = nameOf(path);
    const share = shares.get(name) ?? {sizeBytes: 0, files: 0};
    shares.set(name, {sizeBytes: share.sizeBytes + sizeBytes, files: share.files + 1});
  }
  return [...shares]
    .map(([name, share]) => ({name, ...share}))
    .sort((a, b) => b.sizeBytes - a.sizeBytes || compareCodePoints(a.name, b.name));
}

/** `/usr/lib/modules/…` → `/usr/lib`: the folder of so many levels that a path counts to. */
export function folderOf(path: string, levels: number): string {
  const parts = path.split('/').slice(1, -1);
  return `/${parts.slice(0, levels).join('/')}`;
}

export function totalBytes(listing: TreeListing): number {
  return listing.reduce((sum, {type, sizeBytes, hardLinkOf}) => {
    return type === 'file' && hardLinkOf === undefined ? sum + sizeBytes : sum;
  }, 0);
}
