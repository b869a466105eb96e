import {createHash} from 'node:crypto';
import {describeEnd, HostError, lockFile, run, runOrThrow} from '../base/index.js';
import {
  type Addresses,
  addressesIn,
  candidateBlocks,
  candidateSubnets,
  chooseSubnet,
  isOfAPlace,
  overlapping,
} from './subnet.js';

/** Name of the network device of a devcloud on the host: at most 15 characters, its own for each state folder. */
export function deviceName(instanceFolder: string): string {
  return `ts-${createHash('sha256').update(instanceFolder).digest('hex').slice(0, 10)}`;
}

interface Route {
  readonly dst: string;
  readonly dev?: string;
}

/** The IPv4 ranges that this host has routes to, its own addresses among them. */
async function routedRanges(signal: AbortSignal): Promise<Route[]> {
  const text = await runOrThrow('looking at the routes', ['ip', '-4', '-json', 'route', 'show', 'table', 'all'], {
    signal,
  });
  return (JSON.parse(text || '[]') as Route[]).filter(({dst}) => isOfAPlace(dst));
}

/** Takes a devcloud's network device, and its routes with it, off the host. The kernel does so too when the namespace has
 * ended, but some time later. Fine when there is none.
 */
export async function leaveNetwork(device: string): Promise<void> {
  const outcome = await run(['ip', 'link', 'delete', 'dev', device]);
  if (outcome.exitCode === 0 || /Cannot find device/.test(outcome.stderr)) return;
  const output = outcome.stderr.trim();
  const doing = "removing the devcloud's network device";
  throw new HostError('command-failed', {doing, command: 'ip', outcome: describeEnd(outcome), output});
}

/** Joins a devcloud's network namespace with the host: a pair of devices, the instances' route by way of the cloud. The kernel
 * takes all of it away when the namespace ends; what it hasn't yet of an earlier run goes first.
 * @param wanted A subnet asked for or given before; one that nobody uses is chosen otherwise.
 * @param others Subnets of devclouds that don't run now.
 * @throws {HostError} `subnet-in-use`
 */
export async function joinNetwork(
  device: string,
  pid: number,
  wanted: string | undefined,
  others: readonly string[],
  signal: AbortSignal,
): Promise<Addresses> {
  // Two devclouds that start at once must not choose the same.
  await using _lock = await lockFile('/run/lock/trovestack-subnets', {what: 'the choice of a subnet', signal});
  await leaveNetwork(device);
  const routes = await routedRanges(signal);
  const addresses = wanted ? addressesIn(wanted) : freeAddresses([...routes.map(({dst}) => dst), ...others]);
  const taken = overlapping(
    addresses.subnet,
    routes.map(({dst}) => dst),
  );
  if (taken) {
    const user = routes.find(({dst}) => dst === taken)?.dev ?? 'a route';
    throw new HostError('subnet-in-use', {subnet: addresses.subnet, taken, user});
  }
  const ip = (...args: string[]) => runOrThrow("laying the devcloud's network", ['ip', ...args], {signal});
  await ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
  await ip('address', 'add', `${addresses.host}/${addresses.prefix}`, 'dev', device);
  await ip('link', 'set', device, 'up');
  await ip('route', 'add', addresses.instances.cidr, 'via', addresses.cloud, 'dev', device);
  return addresses;
}

function freeAddresses(inUse: readonly string[]): Addresses {
  const subnet = chooseSubnet(candidateSubnets(), inUse);
  if (subnet) return addressesIn(subnet);
  const tried = candidateBlocks.map((block) => `${block}.0.0/16`).join(', ');
  throw new HostError('subnet-in-use', {subnet: tried, taken: 'all of it', user: 'routes'});
}
