// Writes schemas/*.schema.json from the zod schemas in code; needs the build. With --check it only compares.

import {readFile, writeFile} from 'node:fs/promises';
import {z} from 'zod';
import {imagePolicySchema} from '../dist/datastore/gate.js';
import {datastoreSchema} from '../dist/datastore/schema.js';
import {elementFileSchema} from '../dist/element/element-file.js';
import {lockSchema} from '../dist/lock/schema.js';
import {statementSchema} from '../dist/passport/statement.js';
import {waiversSchema} from '../dist/rules/waivers.js';

const schemas = {
  datastore: datastoreSchema,
  element: elementFileSchema,
  'image-policy': imagePolicySchema,
  lock: lockSchema,
  passport: statementSchema,
  waivers: waiversSchema,
};

let stale = 0;
for (const [name, schema] of Object.entries(schemas)) {
  const file = new URL(`../schemas/${name}.schema.json`, import.meta.url);
  const text = `${JSON.stringify(z.toJSONSchema(schema, {io: 'input'}), null, 2)}\n`;
  if (!process.argv.includes('--check')) await writeFile(file, text);
  else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    stale++;
    console.error(`schemas/${name}.schema.json is stale: run node tools/schemas.mjs`);
  }
}
process.exitCode = stale ? 1 : 0;
