import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readdir} from 'node:fs/promises';
import {nearestNames, spawnError, systemErrorCode, UsageError, type World} from '../base/index.js';
import {instanceFolder, requireInstance} from '../devcloud/index.js';
import {requireRoot} from './devcloud-up.js';

export interface LogsRequest {
  readonly name: string;
  /** Default: all of them. */
  readonly service?: string;
  readonly follow: boolean;
  readonly lines: number;
}

/** Hands a devcloud's logs to this process's standard output, running or not.
 * @throws {UsageError} `unknown-devcloud`, `unknown-service`
 * @throws {HostError} `not-root`, `missing-tool`
 */
export async function devcloudLogs(request: LogsRequest, world: World): Promise<void> {
  requireRoot("read a devcloud's logs");
  const {name} = await requireInstance(world.paths, request.name);
  const folder = `${instanceFolder(world.paths, name)}/upper/var/log/trovestack`;
  const files = await chooseLogs(folder, request.service);
  if (files.length === 0) {
    world.emit({type: 'note', text: `devcloud "${name}" has written no logs yet`});
    return;
  }
  const follow = request.follow ? ['--follow=name', '--retry'] : [];
  const tail = spawn('tail', [`--lines=${request.lines}`, ...follow, '--', ...files], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const end = () => tail.kill('SIGTERM');
  world.signal.addEventListener('abort', end, {once: true});
  try {
    await once(tail, 'close');
  } catch (error) {
    throw spawnError(error, 'tail');
  } finally {
    world.signal.removeEventListener('abort', end);
  }
}

async function chooseLogs(folder: string, service: string | undefined): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const known = names.map((name) => name.replace(/\.log$/, '')).sort();
  if (service === undefined) return known.map((name) => `${name}.log`);
  if (known.includes(service)) return [`${service}.log`];
  throw new UsageError('unknown-service', {service, nearest: nearestNames(service, known), known});
}
