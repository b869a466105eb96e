import {z} from 'zod';
import {canonicalJson} from '../base/index.js';

/** What a statement says of how an image was built. Its fields are described in docs/reference/passport.md. */
export const buildType = 'urn:trovestack:build:guest-image:1';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A file or value, with what it has to be. */
const resource = z.object({name: z.string(), digest: z.object({sha256: digest})});

const checks = z.object({
  /** No rule found an error, save those that are waived. */
  sound: z.boolean(),
  rulesAsked: z.int().nonnegative(),
  /** By severity, the waived left out. */
  errors: z.int().nonnegative(),
  warnings: z.int().nonnegative(),
  waived: z.int().nonnegative(),
  /** Firmware with which these very bytes were seen to boot and serve. */
  bootProven: z.array(z.enum(['bios', 'uefi'])),
});

/** What an image is signed to be: an in-toto statement of version 1 with SLSA's provenance of version 1 as its predicate.
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 * @see https://slsa.dev/spec/v1.0/provenance
 */
export const statementSchema = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  /** The image file. */
  subject: z.tuple([
    z.object({name: z.string(), digest: z.object({sha256: digest, sha512: z.string().regex(/^[0-9a-f]{128}$/)})}),
  ]),
  predicateType: z.literal('https://slsa.dev/provenance/v1'),
  predicate: z.object({
    buildDefinition: z.object({
      buildType: z.literal(buildType),
      /** What was asked for. */
      externalParameters: z.object({
        datastore: z.string(),
        version: z.string(),
        series: z.string(),
        distribution: z.string(),
        release: z.string(),
        architecture: z.string(),
        elements: z.array(z.string()),
      }),
      /** `elements` with all their files, and `lock`: the file that names every package by its digest. */
      resolvedDependencies: z.array(resource),
    }),
    runDetails: z.object({
      builder: z.object({id: z.literal('urn:trovestack:builder'), version: z.object({trovestack: z.string()})}),
      /** When it was signed, ISO 8601. */
      metadata: z.object({finishedOn: z.string()}),
      /** `disk`: the raw disk; `tree`: the list of all its paths; `manifest`: the one inside; files beside the image by name. */
      byproducts: z.array(resource),
      /** The extension that SLSA leaves room for. */
      trovestack_checks: checks,
    }),
  }),
});

export type Statement = z.output<typeof statementSchema>;
export type PassportChecks = z.output<typeof checks>;
export type Resource = z.output<typeof resource>;

/** What a statement is made from. */
export interface StatementFacts {
  /** The image file; digests in hexadecimal. */
  readonly file: {readonly name: string; readonly sha256: string; readonly sha512: string};
  readonly manifest: Statement['predicate']['buildDefinition']['externalParameters'];
  readonly dependencies: readonly Resource[];
  readonly byproducts: readonly Resource[];
  readonly checks: PassportChecks;
  readonly programVersion: string;
  readonly signedAt: Date;
}

export function makeStatement(facts: StatementFacts): Statement {
  const {file, manifest, dependencies, byproducts, programVersion, signedAt} = facts;
  const {datastore, version, series, distribution, release, architecture, elements} = manifest;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{name: file.name, digest: {sha256: file.sha256, sha512: file.sha512}}],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {datastore, version, series, distribution, release, architecture, elements},
        resolvedDependencies: [...dependencies],
      },
      runDetails: {
        builder: {id: 'urn:trovestack:builder', version: {trovestack: programVersion}},
        metadata: {finishedOn: signedAt.toISOString()},
        byproducts: [...byproducts],
        trovestack_checks: facts.checks,
      },
    },
  };
}

/** The bytes that are signed. */
export function statementBytes(statement: Statement): Buffer {
  return Buffer.from(canonicalJson(statement));
}
