/** A value as indented JSON. Integers beyond 2^53 keep every digit. */
export function jsonText(value: unknown): string {
  const integers: string[] = [];
  const text = JSON.stringify(
    value,
    (_key, member) => {
      if (typeof member !== 'bigint') return member;
      integers.push(member.toString());
      return `${marker}${integers.length - 1}${marker}`;
    },
    2,
  );
  return (text ?? 'null').replace(markedInteger, (_all, index: string) => integers[Number(index)] ?? 'null');
}

const marker = '\\u0000integer\\u0000'.replaceAll('\\u0000', '\u0000');
const markedInteger = /"\\u0000integer\\u0000(\d+)\\u0000integer\\u0000"/g;
