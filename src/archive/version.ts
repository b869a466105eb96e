/** Orders Debian package versions; for sort(). Epoch, upstream version and revision as in deb-version(7). */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [splitVersion(a), splitVersion(b)];
  return (
    first.epoch - second.epoch ||
    compareParts(first.upstream, second.upstream) ||
    compareParts(first.revision, second.revision)
  );
}

function splitVersion(version: string): {epoch: number; upstream: string; revision: string} {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/.exec(version) ?? [];
  const dash = rest.lastIndexOf('-');
  if (dash < 0) return {epoch: Number(epoch), upstream: rest, revision: ''};
  return {epoch: Number(epoch), upstream: rest.slice(0, dash), revision: rest.slice(dash + 1)};
}

/** Text and numbers by turns: "~" before the end, the end before letters, letters before the rest. */
function compareParts(a: string, b: string): number {
  let [left, right] = [a, b];
  while (left || right) {
    const [textA, textB] = [/^\D*/.exec(left)?.[0] ?? '', /^\D*/.exec(right)?.[0] ?? ''];
    for (let i = 0; i < Math.max(textA.length, textB.length); i++) {
      const difference = weight(textA[i]) - weight(textB[i]);
      if (difference !== 0) return difference;
    }
    [left, right] = [left.slice(textA.length), right.slice(textB.length)];
    const [numberA, numberB] = [/^\d*/.exec(left)?.[0] ?? '', /^\d*/.exec(right)?.[0] ?? ''];
    const difference = BigInt(numberA || '0') - BigInt(numberB || '0');
    if (difference !== 0n) return difference < 0n ? -1 : 1;
    [left, right] = [left.slice(numberA.length), right.slice(numberB.length)];
  }
  return 0;
}

function weight(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}
