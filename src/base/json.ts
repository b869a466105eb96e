import {sha256} from './digest.js';

/** Parses JSON; integers that a number can't hold exactly (beyond ±2^53) become BigInt, all else is as JSON.parse has it.
 * @throws {SyntaxError}
 */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  // No text holds its own digest, so what starts with it is ours.
  const marker = `${sha256(text)}:`;
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${marker}${token}"` : token,
  );
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith(marker) ? BigInt(value.slice(marker.length)) : value,
  );
}

/** The value as JSON; BigInt members are written as integers with every digit. Undefined members are left out.
 * @param indent Blanks by which each level is set in; 0 writes all on one line, without blanks.
 */
export function formatJson(value: unknown, indent = 0): string {
  return format(value, ' '.repeat(indent), '');
}

function format(value: unknown, step: string, margin: string): string {
  if (typeof value === 'bigint') return value.toString();
  const inner = margin + step;
  if (Array.isArray(value)) {
    return enclose(
      '[]',
      value.map((item) => format(item ?? null, step, inner)),
      inner,
      margin,
    );
  }
  if (value !== null && typeof value === 'object') {
    const colon = step ? ': ' : ':';
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return enclose(
      '{}',
      members.map(([name, member]) => `${JSON.stringify(name)}${colon}${format(member, step, inner)}`),
      inner,
      margin,
    );
  }
  return JSON.stringify(value);
}

function enclose(brackets: '[]' | '{}', items: readonly string[], inner: string, margin: string): string {
  const [open = '', close = ''] = brackets;
  if (items.length === 0) return open + close;
  if (inner === margin) return `${open}${items.join(',')}${close}`;
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${margin}${close}`;
}
