import {fileURLToPath} from 'node:url';
import {describe, expect, it} from 'vitest';
import {chooseVersion, type DatastoreDefinition, parseDatastore, readCatalogue} from './index.js';

const home = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const smallest = `name: small
summary: A store
licence: MIT
manager: small
ports: [1]
mountPoint: /var/lib/small
minimum: {diskGiB: 1, ramMiB: 1, volumeGiB: 1}
client: {command: [small], remoteCommand: [x]}
queries: {health: x, version: y}
registration: {tags: [trove]}
versions:
  - version: "1"
    default: true
    container: {image: small, tag: "1", elements: [container-small], entrypoint: [small]}
    images:
      - {series: "2025.1", distribution: debian, release: trixie, architectures: [amd64], elements: [a], proof: described}
`;

describe('the catalogue', () => {
  it('of this repository is readable and free of problems', async () => {
    const catalogue = await readCatalogue(home);
    expect(catalogue.get('mariadb')?.versions[0]?.container.tag).toBe('11.8');
  });

  it('gives the default version when only the datastore is named', async () => {
    const {datastore, version} = chooseVersion(await readCatalogue(home), 'mariadb');
    expect([datastore.name, version.version]).toEqual(['mariadb', '11.8']);
  });

  it('names the nearest datastore for a mistyped one, and the versions there are for an unknown one', async () => {
    const catalogue = await readCatalogue(home);
    expect(() => chooseVersion(catalogue, 'mariabd')).toThrow(
      expect.objectContaining({code: 'unknown-datastore', facts: expect.objectContaining({nearest: ['mariadb']})}),
    );
    expect(() => chooseVersion(catalogue, 'mariadb:9')).toThrow(
      expect.objectContaining({code: 'unknown-version', facts: expect.objectContaining({known: ['11.8', '10.11']})}),
    );
  });
});

describe('a catalogue file', () => {
  it('gets its defaults', async () => {
    const definition: DatastoreDefinition = await parseDatastore('/d/small.yaml', smallest);
    expect(definition.versions[0]?.container).toMatchObject({command: [], environment: {}, ports: []});
  });

  it('tells all mistakes of shape together, with their places', async () => {
    const text = smallest.replace('ports: [1]', 'ports: [70000]\nportz: 1').replace('summary: A store\n', '');
    const problems = await problemsOf(parseDatastore('/d/small.yaml', text));
    expect(
      problems.map((p) => `${p.line}:${p.column} ${p.lineText.slice(p.column - 1, p.column - 1 + p.length)}`),
    ).toEqual(expect.arrayContaining(['5:1 portz', '4:9 70000', '1:1 name: small']));
  });

  it('tells broken rules with their places', async () => {
    const text = smallest.replace('default: true', 'default: false').replace('ports: [1]', 'ports: ["9-3"]');
    const problems = await problemsOf(parseDatastore('/d/other.yaml', text));
    expect(problems.map((p) => p.message)).toEqual([
      'The file of datastore "small" must be named "small.yaml"',
      'Port range "9-3" must rise and end at 65535 at most',
      'One version must be the default, not 0',
    ]);
  });

  it('that is no YAML tells where', async () => {
    const problems = await problemsOf(parseDatastore('/d/small.yaml', 'name: [a\nsummary: b\n'));
    expect(problems[0]).toMatchObject({path: '/d/small.yaml', line: 2});
  });
});

async function problemsOf(reading: Promise<unknown>) {
  const error = await reading.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toMatchObject({code: 'invalid-file'});
  return error.facts.problems as {line: number; column: number; length: number; lineText: string; message: string}[];
}
