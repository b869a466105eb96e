import {z} from 'zod';

const name = z.string().regex(/^[a-z][a-z0-9-]*$/, 'Must be a name of lower-case letters, digits and "-"');

const port = z.union([
  z.int().min(1).max(65535),
  z.string().regex(/^\d+-\d+$/, 'Must be a port or a range "first-last"'),
]);

const container = z
  .strictObject({
    image: z.string().min(1).describe('Name that the guest agent asks Docker for, by default the option docker_image'),
    tag: z.string().min(1).describe('The agent asks for the datastore version as tag'),
    elements: z.array(name).min(1).describe("Elements that make the container's root file system"),
    entrypoint: z.array(z.string()).min(1),
    command: z.array(z.string()).default([]),
    environment: z.record(z.string(), z.string()).default({}),
    ports: z.array(port).default([]).describe('TCP ports that the container declares'),
  })
  .describe('Database container, preloaded in the guest image');

const imageRow = z.strictObject({
  series: z
    .string()
    .regex(/^\d{4}\.\d$|^[a-z]+$/, 'Must be a series such as "2025.1"')
    .describe('OpenStack series of the guest agent'),
  distribution: name,
  release: z.string().min(1),
  architectures: z.array(z.enum(['amd64', 'arm64'])).min(1),
  elements: z.array(name).min(1).describe('Elements of the guest image, without those that they depend on'),
  proof: z
    .enum(['proven', 'built', 'described'])
    .describe('proven: booted and served in our tests; built: built, not exercised; described: neither'),
});

const version = z.strictObject({
  version: z.string().min(1).describe("Trove's name and version number of the datastore version"),
  default: z.boolean().default(false).describe('Taken when only the datastore is named'),
  container,
  images: z
    .array(imageRow)
    .min(1)
    .describe('What a guest image is built from, by series, distribution and release; the first is the default'),
});

/** The one schema of `datastores/NAME.yaml`; type, JSON Schema and reference page come from it. */
export const datastoreSchema = z.strictObject({
  name,
  summary: z.string().min(1),
  licence: z.string().min(1).describe("The server's licence, as SPDX expression"),
  manager: name.describe('The code in Trove that drives it'),
  ports: z.array(port).min(1).describe('TCP ports that users reach'),
  mountPoint: z.string().startsWith('/').describe('Where the guest agent mounts the database volume'),
  minimum: z
    .strictObject({diskGiB: z.int().positive(), ramMiB: z.int().positive(), volumeGiB: z.int().positive()})
    .describe('Smallest flavor disk and memory, and smallest volume, that serve'),
  client: z
    .strictObject({
      command: z.array(z.string()).min(1).describe('In the database container; the query becomes its last argument'),
      remoteCommand: z
        .array(z.string())
        .min(1)
        .describe('From another machine, with {address}, {user} and {database}; the query becomes its last argument'),
      passwordVariable: z
        .string()
        .optional()
        .describe("Environment variable that the client reads the administrator's password from"),
    })
    .describe('Asks the running server'),
  queries: z.strictObject({
    health: z.string().min(1).describe('Succeeds when the server serves'),
    version: z.string().min(1).describe("Answers the server's version string"),
  }),
  registration: z
    .strictObject({
      tags: z.array(z.string().min(1)).min(1).describe("The image's tags in Glance"),
      imageProperties: z.record(z.string(), z.string()).default({}),
      validationRules: name
        .optional()
        .describe("Folder of Trove's configuration parameters, trove/templates/NAME/validation-rules.json"),
    })
    .describe('How it is made known to a cloud'),
  versions: z.array(version).min(1),
});

/** What the code uses, defaults filled in. */
export type DatastoreDefinition = z.output<typeof datastoreSchema>;
export type DatastoreVersion = DatastoreDefinition['versions'][number];
export type ImageRow = DatastoreVersion['images'][number];
export type ContainerDefinition = DatastoreVersion['container'];
