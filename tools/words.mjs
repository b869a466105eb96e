// What the repository must not say: host names of mirrors and registries, absolute paths of a machine, work left for later.
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const forbidden = [
  [
    /\b(?:deb|security|archive|ftp|snapshot)\.(?:debian|ubuntu)\.(?:org|com)\b/,
    "a mirror's host name: mirrors come from the host's apt configuration",
  ],
  [/\bregistry\.npmjs\.org\b|\bdocker\.io\/(?!library\b)[a-z]+\//, "a registry's host name"],
  [/(?:^|[\s"'`=(])\/(?:work|home\/[a-z]+|Users)\/[A-Za-z]/, 'an absolute path of a machine'],
  [/\b(?:TODO|FIXME|XXX)\b/, 'work left for later'],
];
const skipped = /^(?:package-lock\.json|LICENSE|tools\/words\.mjs)$/;

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: home,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file && !skipped.test(file));
let found = 0;
for (const file of files) {
  let text;
  try {
    text = readFileSync(`${home}/${file}`, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') continue; // deleted, not yet committed
    throw error;
  }
  text.split('\n').forEach((line, index) => {
    for (const [pattern, why] of forbidden) {
      if (!pattern.test(line)) continue;
      console.error(`${file}:${index + 1}: ${why}\n  ${line.trim()}`);
      found++;
    }
  });
}
process.exitCode = found > 0 ? 1 : 0;
