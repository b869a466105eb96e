import {entriesByPath, type ImageContent} from '../../src/inspection/index.js';

/** What no image may carry, whatever its elements: identities, which first boot makes, and traces of its build. */
export function hygieneProblems({listing}: Pick<ImageContent, 'listing'>): string[] {
  const entries = entriesByPath(listing);
  const problems: string[] = [];
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const entry = entries.get(path);
    if (entry?.type === 'file' && entry.sizeBytes > 0) problems.push(`${path}: the image has an identity`);
  }
  for (const {path, type, sizeBytes} of listing) {
    for (const [pattern, why] of unwanted) if (pattern.test(path)) problems.push(`${path}: ${why}`);
    if (path.startsWith('/var/log/') && type === 'file' && sizeBytes > 0) problems.push(`${path}: a log of the build`);
  }
  // Elements put a script in the program's place for the time of the build.
  const starter = entries.get('/usr/sbin/start-stop-daemon') ?? entries.get('/sbin/start-stop-daemon');
  if (starter && starter.sizeBytes < 4096) problems.push(`${starter.path}: it starts nothing`);
  return problems;
}

const unwanted: readonly [RegExp, string][] = [
  [/^\/etc\/ssh\/ssh_host_/, "a host's key"],
  [/^\/usr\/sbin\/policy-rc\.d$/, 'no service may start'],
  [/\/start-stop-daemon\.REAL$/, 'a program in the wrong place'],
  [/^\/etc\/resolv\.conf\.ORIG$/, "the build's resolver"],
  [/^\/tmp\/./, 'a temporary file'],
  [/^\/root\/.*\.log$/, 'a log of the build'],
  [/^\/var\/cache\/apt\/archives\/.*\.deb$/, 'a downloaded package'],
  [/^\/var\/lib\/apt\/lists\/./, 'a package list'],
  [/^\/var\/lib\/systemd\/random-seed$/, 'a seed that all instances would share'],
  [/^\/etc\/apt\/apt\.conf\.d\/60img-build-proxy$/, "the build's proxy"],
];
