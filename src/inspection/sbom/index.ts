import {canonicalJson} from '../../base/index.js';
import type {BillOfMaterials} from './bill.js';
import {cyclonedx} from './cyclonedx.js';
import {spdx} from './spdx.js';

export {type BilledPackage, type BillOfMaterials, billPackages} from './bill.js';

/** The formats of a bill of materials, by the ending of their files. */
export const sbomEndings = ['cdx.json', 'spdx.json'] as const;
export type SbomEnding = (typeof sbomEndings)[number];

/** The texts of a bill in each format, each a line of JSON with sorted names: equal bills give equal bytes.
 * @param uuid Makes an identifier from a text, always the same from the same.
 */
export function renderSbom(
  bill: BillOfMaterials,
  uuid: (text: string) => string,
): Readonly<Record<SbomEnding, string>> {
  const id = uuid(canonicalJson(bill));
  return {'cdx.json': `${canonicalJson(cyclonedx(bill, id))}\n`, 'spdx.json': `${canonicalJson(spdx(bill, id))}\n`};
}
