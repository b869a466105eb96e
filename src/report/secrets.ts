/** What looks like a secret in any text: `password = x`, `"password": "x"`, `X-Auth-Token: x`, `user:secret@host`. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/((?:password|passwd|secret|token)["']?\s*[=:]\s*["']?)([^\s"',}]+)/gi, '$1***'],
  [/(\w+:\/\/[^\s:@/]+:)([^\s@/]+)(@)/g, '$1***$3'],
];

/** The text with what looks like a secret replaced by `***`. */
export function redact(text: string): string {
  return patterns.reduce((kept, [pattern, replacement]) => kept.replace(pattern, replacement), text);
}
