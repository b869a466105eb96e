import {UsageError} from '../base/index.js';

/** An IPv4 range: its first address as a number, and the length of its prefix. */
export interface Ipv4Range {
  readonly first: number;
  readonly prefix: number;
}

/** The addresses of a devcloud. Its /24 is halved: the lower half joins host and cloud, the upper half is the instances'. */
export interface Addresses {
  readonly subnet: string;
  /** The host's end of the joining network. */
  readonly host: string;
  /** The cloud's end: all its endpoints. */
  readonly cloud: string;
  /** Of the joining network. */
  readonly prefix: number;
  readonly instances: {
    readonly cidr: string;
    readonly gateway: string;
    readonly first: string;
    readonly last: string;
  };
}

/** Parses "10.1.2.0/24"; a lone address is a /32. Undefined when the text is neither. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1, 5).map(Number);
  const prefix = match[5] === undefined ? 32 : Number(match[5]);
  if (prefix > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - prefix);
  return {first: Math.floor(address / size) * size, prefix};
}

export function overlaps(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first < b.first + 2 ** (32 - b.prefix) && b.first < a.first + 2 ** (32 - a.prefix);
}

/** Where the ranges come from that a devcloud is given when nobody asks for one: in each private block, as a VPN may take one. */
export const candidateBlocks = ['10.211', '172.27', '192.168'] as const;

/** Those ranges, in the order they are tried. */
export function candidateSubnets(): string[] {
  return candidateBlocks.flatMap((block) => Array.from({length: 256}, (_, i) => `${block}.${i}.0/24`));
}

/** Whether a route says that its addresses are in use: a default route (which VPNs halve) only says where the rest is. */
export function isOfAPlace(destination: string): boolean {
  const range = parseIpv4Range(destination);
  return range !== undefined && range.prefix >= 8;
}

/** The first candidate that overlaps none of the ranges in use; undefined when all do. */
export function chooseSubnet(candidates: readonly string[], inUse: readonly string[]): string | undefined {
  return candidates.find((candidate) => overlapping(candidate, inUse) === undefined);
}

/** The range in use that overlaps this subnet, or undefined. */
export function overlapping(subnet: string, inUse: readonly string[]): string | undefined {
  const wanted = parseIpv4Range(subnet);
  return inUse.find((used) => {
    const range = parseIpv4Range(used);
    return wanted && range && overlaps(wanted, range);
  });
}

/** A devcloud's addresses in its subnet.
 * @throws {UsageError} `bad-argument` unless it is a private /24.
 */
export function addressesIn(subnet: string): Addresses {
  const range = parseIpv4Range(subnet);
  if (range?.prefix !== 24 || !isPrivate(range)) {
    throw new UsageError('bad-argument', {
      argument: `--subnet "${subnet}"`,
      problem: 'it has to be a private IPv4 range with prefix 24',
      next: 'choose one like 10.211.7.0/24',
    });
  }
  const address = (offset: number) => formatIpv4(range.first + offset);
  return {
    subnet: `${address(0)}/24`,
    host: address(1),
    cloud: address(2),
    prefix: 25,
    instances: {cidr: `${address(128)}/25`, gateway: address(129), first: address(140), last: address(250)},
  };
}

function isPrivate(range: Ipv4Range): boolean {
  return ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some((text) => {
    const block = parseIpv4Range(text);
    return block !== undefined && block.prefix <= range.prefix && overlaps(block, range);
  });
}

function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
