import {readFile} from 'node:fs/promises';
import {z} from 'zod';
import {parseJson, systemErrorCode, UsageError} from '../base/index.js';

/** What an image is for, as everything says it that a build leaves of it. */
export const purposeMembers = {
  datastore: z.string(),
  version: z.string(),
  series: z.string(),
  distribution: z.string(),
  release: z.string(),
  architecture: z.string(),
};

/** What a build says of its image, in `FILE.manifest.json` beside it: what it is for and what the cloud has to know. */
const sidecarSchema = z.looseObject({
  ...purposeMembers,
  /** Digest of the image file. */
  sha256: z.string().optional(),
  /** The content of the guest agent's own `validation-rules.json` for this datastore. */
  configurationParameters: z.unknown().optional(),
});

export type ImageSidecar = z.output<typeof sidecarSchema>;

export function sidecarPath(imageFile: string): string {
  return `${imageFile}.manifest.json`;
}

/** Reads the manifest beside an image file, with exact integers; undefined when there is none.
 * @throws {UsageError} `unreadable-file`
 */
export async function readSidecar(imageFile: string): Promise<ImageSidecar | undefined> {
  const path = sidecarPath(imageFile);
  try {
    return sidecarSchema.parse(parseJson(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      const problems = error instanceof z.ZodError ? error.issues.map(describe) : [error.message];
      throw new UsageError('unreadable-file', {path, what: 'image manifest', problems}, {cause: error});
    }
    throw error;
  }
}

function describe(issue: z.core.$ZodIssue): string {
  return `"${issue.path.join('.')}": ${issue.message}`;
}
