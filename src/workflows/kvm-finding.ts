import {readFile} from 'node:fs/promises';
import type {Store} from '../store/index.js';

/** What was found when a guest kernel was started under KVM. */
interface KvmFinding {
  readonly isWorking: boolean;
}

/** The finding since this machine booted; undefined when nobody has tried yet. */
export async function readKvmFinding(store: Store): Promise<KvmFinding | undefined> {
  return store.readBuild<KvmFinding>(await findingName());
}

export async function keepKvmFinding(store: Store, finding: KvmFinding): Promise<void> {
  await store.writeBuild(await findingName(), finding);
}

async function findingName(): Promise<string> {
  return `kvm-${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()}`;
}
