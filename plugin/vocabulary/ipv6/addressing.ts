/** What a container has of IPv6, and where it is from. Plain data. */
import {
  IPV6_ANY,
  isLinkLocal,
  isMulticast,
  joinAddress,
  parseIpv6,
  type Ipv6,
} from '../../wire/address6.ts';

/**
 * `auto`: what the routers of the segment say. `slaac`: an address of a router's prefix, never of a
 * server. `dhcp`: an address of a DHCPv6 server, whatever the routers say.
 */
export type Ipv6Mode = (typeof IPV6_MODES)[number];
export const IPV6_MODES = ['auto', 'slaac', 'dhcp'] as const;

export type Ipv6Source = (typeof IPV6_SOURCES)[number];
export const IPV6_SOURCES = ['slaac', 'dhcp', 'static'] as const;

/** The address that Docker is told, or that a container gets later. */
export interface Address6 {
  readonly address: Ipv6;
  readonly prefixLength: number;
  /** Who gave it: a router's prefix, a DHCPv6 server, or a person (`--ip6`). */
  readonly source: Ipv6Source;
}

export function isSameAddress6(one: Address6 | undefined, other: Address6 | undefined): boolean {
  return (
    one?.address === other?.address &&
    one?.prefixLength === other?.prefixLength &&
    one?.source === other?.source
  );
}

/** Why a link has no IPv6 although its network has. */
export const NOT_ON_THIS_LINK =
  'its MTU is below 1280 (RFC 8200), or the kernel of this host has no IPv6';

const INTERFACE_ID_BITS = 64;

/** An address below ::/64 that is not `::`; undefined for other text. */
export function parseToken(text: string): Ipv6 | undefined {
  const token = parseIpv6(text);
  const isToken =
    token !== undefined &&
    token !== IPV6_ANY &&
    joinAddress(IPV6_ANY, INTERFACE_ID_BITS, token) === token;
  return isToken ? token : undefined;
}

const IPV4_MAPPED = parseIpv6('::ffff:0:0');

/** True for an address that a server can give to a host. */
export function isHostAddress6(address: Ipv6): boolean {
  const isSpecial = address === IPV6_ANY || address === '::1';
  // Docker takes ::ffff:192.0.2.1 for the IPv4 address in it (RFC 4291 §2.5.5.2).
  const isIpv4 = joinAddress(address, 96, IPV6_ANY) === IPV4_MAPPED;
  return !isSpecial && !isIpv4 && !isLinkLocal(address) && !isMulticast(address);
}
