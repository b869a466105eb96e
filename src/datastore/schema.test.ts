import {readFile} from 'node:fs/promises';
import {expect, it} from 'vitest';
import {z} from 'zod';
import {datastoreSchema} from './schema.js';

it('schemas/datastore.schema.json is what the schema in code makes', async () => {
  const written = JSON.parse(await readFile(new URL('../../schemas/datastore.schema.json', import.meta.url), 'utf8'));
  expect(written).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(datastoreSchema, {io: 'input'}))));
});
