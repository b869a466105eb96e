import {z} from 'zod';

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'Must be a sha256: 64 hexadecimal digits');

const address = z.string().regex(/^(https?|file):\/\/?\S+$/, 'Must be an address');

const suite = z.strictObject({
  archive: z.string().min(1).describe('debian, debian-security, or the address of another archive'),
  suite: z.string().min(1),
  date: z.iso.datetime().describe('When the archive made its index'),
  sha256: digest.describe('Of its InRelease file, and so of every package that it had'),
});

const archiveState = z
  .strictObject({
    release: z
      .string()
      .describe("Of Debian; empty where the packages aren't its, and the lock holds none of the image"),
    suites: z.array(suite),
  })
  .describe('The package archive at the moment that packages were chosen; the newest date is that of the image');

const deb = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/, 'Must be the name of a package'),
    version: z.string().min(1),
    architecture: z.string().min(1),
    priority: z.string().min(1).optional(),
    size: z.int().nonnegative().describe('In bytes'),
    sha256: digest,
    from: z
      .string()
      .regex(/^\S+ \S+ \S+$/, 'Must be an archive, a suite and a component')
      .describe('Archive, suite and component'),
    path: z
      .string()
      .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))\S+$/, 'Must be a path below the archive')
      .describe("Below the archive's address, on each of its mirrors"),
  })
  .describe('A package file');

const source = z
  .strictObject({
    name: z.string().min(1),
    type: z.enum(['git', 'tar', 'file']),
    location: z.string().min(1),
    ref: z.string().min(1).optional().describe('Branch, tag or commit that was asked for'),
    pin: z
      .string()
      .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'Must be a commit, or a sha256')
      .describe("git: the commit; tar, file: the file's sha256"),
  })
  .describe('What the element source-repositories fetches');

/** The one schema of `*.lock.yaml`; type, JSON Schema and reference page come from it. */
export const lockSchema = z.strictObject({
  format: z.literal(1).describe('Of this file'),
  image: z.string().min(1).describe('What it was made for'),
  series: z.string().min(1).optional().describe('OpenStack series of the guest agent'),
  definition: digest.describe('Of all that was asked for: the catalogue row, options, DIB_* variables'),
  elements: z
    .record(z.string().min(1), digest)
    .describe("Of each element's files, with those of the container's elements"),
  mirrors: z
    .strictObject({archive: address, security: address})
    .describe("Written into the image's apt configuration; packages may be fetched from others")
    .optional(),
  archive: archiveState,
  packages: z.array(deb).describe("Every package file that the image's steps took, removed ones included"),
  sources: z.array(source).optional(),
  tools: z
    .strictObject({
      identity: digest.describe('Of the packages with their versions that the tools root consists of'),
      archive: archiveState,
      packages: z.array(deb),
    })
    .describe('The root file system with the programs that build'),
  checksum: digest.describe('Of all of the above: an edited or cut file is no lock'),
});

export type WrittenLock = z.output<typeof lockSchema>;
