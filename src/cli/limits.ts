import {UsageError} from '../base/index.js';

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** `20G`, `512M`, `1.5T`, `1000000` → bytes; units are powers of 1024, and may be written `GiB`, `GB` or `g`.
 * @throws {UsageError} `bad-argument`
 */
export function parseSize(option: string, text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const factor = sizeUnits[unit.toUpperCase()];
  if (number === undefined || factor === undefined) throw notA(option, text, 'a size, for example 20G');
  return Math.floor(Number(number) * factor);
}

const ageUnits: Readonly<Record<string, number>> = {h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000};

/** `30d`, `12h`, `2w` → milliseconds.
 * @throws {UsageError} `bad-argument`
 */
export function parseAge(option: string, text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([hdw])$/.exec(text) ?? [];
  const factor = ageUnits[unit];
  if (number === undefined || factor === undefined)
    throw notA(option, text, 'an age in hours, days or weeks, for example 30d');
  return Number(number) * factor;
}

function notA(option: string, text: string, what: string): UsageError {
  return new UsageError('bad-argument', {argument: `${option} "${text}"`, problem: `it isn't ${what}`});
}
