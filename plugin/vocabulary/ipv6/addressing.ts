/** What a container has of IPv6, and where it is from. Plain data. */
import type { Ipv6 } from '../../wire/address6.ts';

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
