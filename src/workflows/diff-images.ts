import type {World} from '../base/index.js';
import {compareImages, type ImageDifference} from '../inspection/index.js';
import {findImage} from './find-image.js';
import {type ReadImage, readImage} from './read-image.js';
import {openWorkshop} from './workshop.js';

/** Two images compared, with what they are. */
export interface ComparedImages {
  readonly before: ComparedImage;
  readonly after: ComparedImage;
  /** Whether the files are the same, byte by byte. */
  readonly isSameFile: boolean;
  readonly difference: ImageDifference;
}

export interface ComparedImage {
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  /** What could not be read of it, in words. */
  readonly notes: readonly string[];
}

/** Compares two images, each a file or the name of one in the store.
 * @throws {UsageError} `unknown-build`, `not-a-disk-image`
 * @throws {StepError} `image-unsound`
 */
export async function diffImages(before: string, after: string, world: World): Promise<ComparedImages> {
  await using workshop = await openWorkshop(world);
  const named = [await findImage(before, workshop.store), await findImage(after, workshop.store)] as const;
  const [a, b] = [await readImage(named[0].disk, workshop, world), await readImage(named[1].disk, workshop, world)];
  const describe = ({name}: {readonly name: string}, {file, sha256, content}: ReadImage): ComparedImage => {
    return {name, file, sha256, notes: content.notes};
  };
  return {
    before: describe(named[0], a),
    after: describe(named[1], b),
    isSameFile: a.sha256 === b.sha256,
    difference: compareImages(a.content, b.content),
  };
}
