/** A program's world as a value, and entering it: user, mount, pid, ipc, uts and network namespaces around a root made of
 * layers. Read `spec.ts` first: what a sandbox sees; `enter.ts` performs it. */
export * from './enter.js';
export {needsOwnNamespace, openOwnNamespace, runInOwnNamespace} from './own-namespace.js';
export type {Mount, SandboxSpec, Tree} from './spec.js';
export {openUserNamespace, ownByNamespace, ownSandboxIds} from './user-namespace.js';
