import {readFile} from 'node:fs/promises';
import {readFileIfThere, writeFileWhole} from '../base/index.js';
import type {Store} from '../store/index.js';

/** What was found when a guest kernel was started under KVM. */
interface KvmFinding {
  readonly isWorking: boolean;
}

/** The finding since this machine booted; undefined when nothing is known yet. */
export async function readKvmFinding(store: Pick<Store, 'folder'>): Promise<KvmFinding | undefined> {
  switch ((await readFileIfThere(await findingPath(store)))?.trim()) {
    case 'works':
      return {isWorking: true};
    case 'does not work':
      return {isWorking: false};
    default:
      return undefined;
  }
}

export async function keepKvmFinding(store: Pick<Store, 'folder'>, finding: KvmFinding): Promise<void> {
  await writeFileWhole(await findingPath(store), finding.isWorking ? 'works\n' : 'does not work\n');
}

async function findingPath(store: Pick<Store, 'folder'>): Promise<string> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${store.folder}/findings/kvm-${bootId}`;
}
