/**
 * What a DHCPv6 server granted (RFC 9915 §12, §21.4): addresses with lifetimes of their own, and
 * the times at which they are renewed. It is plain data, as `Lease` of DHCPv4 is. It has no
 * gateway: routers say that (RFC 4861).
 */
import type { Ipv6 } from '../../wire/address6.ts';
import type { Duid } from './duid.ts';
import type { Instant } from '../time.ts';

/** An address; Infinity for a lifetime without end. */
export interface LeasedAddress {
  readonly address: Ipv6;
  /** From then on no new connection should use it (RFC 4862 §5.5.4). */
  readonly preferredUntil: Instant;
  /** From then on it may not be used. */
  readonly validUntil: Instant;
}

export interface Lease6 {
  /** At least one. Each has another `address`. */
  readonly addresses: readonly LeasedAddress[];
  /** RENEW, RELEASE and DECLINE name this server. */
  readonly serverId: Duid;
  readonly dnsServers: readonly Ipv6[];
  readonly domainSearch: readonly string[];
  /** All times count from here: when the message was sent that the server answered. */
  readonly requestedAt: Instant;
  /** Infinity if the server does not want to be asked (RFC 9915 §7.7). */
  readonly t1At: Instant;
  readonly t2At: Instant;
}

/** When the next address ends. */
export function nextExpiryOf({ addresses }: Lease6): Instant {
  return Math.min(...addresses.map(({ validUntil }) => validUntil));
}

/** When its last address ends. */
export function endOf6({ addresses }: Lease6): Instant {
  return Math.max(...addresses.map(({ validUntil }) => validUntil));
}

/** The lease without some of its addresses; undefined if none is left. */
export function withoutAddresses(
  lease: Lease6,
  isGone: (leased: LeasedAddress) => boolean,
): Lease6 | undefined {
  const addresses = lease.addresses.filter((leased) => !isGone(leased));
  return addresses.length === 0 ? undefined : { ...lease, addresses };
}

/** True if both have an address in common: one is the other, as it went on. False without one. */
export function isSameLease6(one: Lease6 | undefined, other: Lease6 | undefined): boolean {
  const has = ({ address }: LeasedAddress) =>
    other?.addresses.some((its) => its.address === address);
  return one?.addresses.some(has) === true;
}

/** True if the container's configuration is the same, apart from lifetimes. */
export function isSameConfiguration6(one: Lease6, other: Lease6): boolean {
  const textOf = ({ addresses, dnsServers, domainSearch }: Lease6): string =>
    JSON.stringify([addresses.map(({ address }) => address).sort(), dnsServers, domainSearch]);
  return textOf(one) === textOf(other);
}

/** The lease as one that is never asked to be extended. */
export function withoutRenewal6(lease: Lease6): Lease6 {
  return { ...lease, t1At: Infinity, t2At: Infinity };
}
