/** IPv4 subnets in CIDR form (RFC 4632): text, membership, overlap. */
import {
  ipv4FromNumber,
  ipv4ToNumber,
  isInSubnet,
  networkOf,
  parseIpv4,
  type Ipv4,
} from './address.ts';

/** The host bits of `network` are zero. */
export interface Subnet {
  readonly network: Ipv4;
  readonly prefixLength: number;
}

/**
 * Parses an address and its prefix length, and keeps the host bits. Returns undefined for other
 * text.
 */
export function parseCidr(text: string): { address: Ipv4; prefixLength: number } | undefined {
  const match = /^([\d.]+)\/(\d|[12]\d|3[0-2])$/.exec(text);
  const address = parseIpv4(match?.[1] ?? '');
  return address === undefined ? undefined : { address, prefixLength: Number(match?.[2]) };
}

export function parseSubnet(text: string): Subnet | undefined {
  const cidr = parseCidr(text);
  return cidr && subnetOf(cidr.address, cidr.prefixLength);
}

export function subnetOf(address: Ipv4, prefixLength: number): Subnet {
  return { network: networkOf(address, prefixLength), prefixLength };
}

export function formatSubnet({ network, prefixLength }: Subnet): string {
  return `${network}/${prefixLength}`;
}

export function isSameSubnet(one: Subnet, other: Subnet): boolean {
  return one.network === other.network && one.prefixLength === other.prefixLength;
}

export function subnetHas({ network, prefixLength }: Subnet, address: Ipv4): boolean {
  return isInSubnet(address, network, prefixLength);
}

export function subnetHasAll(outer: Subnet, inner: Subnet): boolean {
  return inner.prefixLength >= outer.prefixLength && subnetHas(outer, inner.network);
}

export function subnetsOverlap(one: Subnet, other: Subnet): boolean {
  return subnetHasAll(one, other) || subnetHasAll(other, one);
}

export function lastAddressOf({ network, prefixLength }: Subnet): Ipv4 {
  return ipv4FromNumber(ipv4ToNumber(network) + 2 ** (32 - prefixLength) - 1);
}

/**
 * True for the first and the last address of the subnet, which no host may have. A /31 or /32 has
 * no such addresses (RFC 3021).
 */
export function isSubnetEdge(subnet: Subnet, address: Ipv4): boolean {
  const { network, prefixLength } = subnet;
  return prefixLength <= 30 && (address === network || address === lastAddressOf(subnet));
}

/** The first address that a host may have. @param subnet at most /30. */
export function firstHostOf({ network }: Subnet): Ipv4 {
  return ipv4FromNumber(ipv4ToNumber(network) + 1);
}
