/** What the plugin stores of a container's IPv6, with times as in `stored-lease.ts`. */
import type { Times } from '../clock.ts';
import type { Ipv6Terms } from '../leasing/ipv6/ipv6-subject.ts';
import type { Address6 } from '../vocabulary/ipv6/addressing.ts';
import type { Ipv6 } from '../wire/address6.ts';
import type { Duid } from '../vocabulary/ipv6/duid.ts';
import { endOf6, type Lease6, type LeasedAddress } from '../vocabulary/ipv6/lease6.ts';
import type { Instant } from '../vocabulary/time.ts';
import { elapsedSince, restoreLease, type StoredLease, type StoredMoment } from './stored-lease.ts';

/** A lease of a DHCPv6 server whose times are by the wall clock. */
export interface StoredLease6 extends Lease6 {
  /** `requestedAt` on the kernel's clock of that boot. */
  readonly boot?: StoredMoment['boot'];
}

/** What a person typed for one container. */
export interface Ipv6Wish {
  /** The interface identifier of addresses of prefixes. */
  readonly token?: Ipv6 | undefined;
  /** The only address of a DHCPv6 server that will do. */
  readonly address?: Ipv6 | undefined;
}

/** Who the container is to DHCPv6 servers. A server has another lease for another IAID. */
export interface Ipv6Identity {
  readonly duid: Duid;
  readonly iaid: number;
}

export interface StoredIpv6 {
  /** If undefined: the one of the MAC. */
  readonly identity?: Ipv6Identity | undefined;
  /** If undefined: none. */
  readonly wish?: Ipv6Wish | undefined;
  /** The address that the container is to have now. Undefined while there is none. */
  readonly address: Address6 | undefined;
  /** The lease of a DHCPv6 server. */
  readonly lease: StoredLease6 | undefined;
  /** The answer to CreateEndpoint. libnetwork configures it at every Join. */
  readonly answered: Address6 | undefined;
  /** What the container's link has. */
  readonly configured: Address6 | undefined;
  /**
   * True if our IPAM told Docker `answered` before. The answer to CreateEndpoint must then not
   * repeat it. If undefined: false.
   */
  readonly isGiven?: boolean | undefined;
  /** Addresses of prefixes that another host has. If undefined: none. */
  readonly contested?: readonly Ipv6[] | undefined;
}

export const NO_IPV6: StoredIpv6 = {
  address: undefined,
  lease: undefined,
  answered: undefined,
  configured: undefined,
};

export function storeLease6(lease: Lease6, clock: Times): StoredLease6 {
  const boot = { id: clock.bootId, at: lease.requestedAt };
  return { ...shifted(lease, clock.wall() - clock.now()), boot };
}

/** The rest of the lease is never longer than its original duration. */
export function restoreLease6({ boot, ...lease }: StoredLease6, clock: Times): Lease6 {
  const age = elapsedSince({ wall: lease.requestedAt, boot }, clock);
  return shifted(lease, clock.now() - age - lease.requestedAt);
}

/** What a client has now. */
export function storeIpv6(
  { address, lease, contested }: Ipv6Terms,
  clock: Times,
): Pick<StoredIpv6, 'address' | 'lease' | 'contested'> {
  return { address, lease: lease && storeLease6(lease, clock), contested };
}

/** What a client goes on with after a restart. */
export function restoreIpv6(stored: StoredIpv6 | undefined, clock: Times): Ipv6Terms {
  const { address, lease, answered, isGiven, contested } = stored ?? NO_IPV6;
  const given = isGiven === true && answered?.source !== 'dhcp' ? answered : undefined;
  // Without an address now, another host has the one that was given. Older records say no more.
  const lost = given !== undefined && address === undefined ? [given.address] : undefined;
  const terms = { address, lease: lease && restoreLease6(lease, clock), given };
  return { ...terms, contested: contested ?? lost };
}

/** The stored leases of a container. A `family` of 6 means that it has no IPv4. */
interface Stored {
  readonly family?: 4 | 6 | undefined;
  readonly lease: StoredLease | undefined;
  readonly ipv6?: StoredIpv6 | undefined;
}

/** True if a server has leased something that can be held. */
export function isLeased({ family, lease, ipv6 }: Stored): boolean {
  return (family === 6 ? ipv6?.lease : lease) !== undefined;
}

/**
 * When all is over that a server has leased. Beside an IPv4 lease, that of IPv6 does not count.
 * Undefined: nothing is leased.
 */
export function leasedUntil({ family, lease, ipv6 }: Stored, clock: Times): Instant | undefined {
  if (family !== 6) return lease && restoreLease(lease, clock).expiresAt;
  const lease6 = ipv6?.lease && restoreLease6(ipv6.lease, clock);
  return lease6 && endOf6(lease6);
}

/**
 * When a server must be asked again. A lease that must be requested anew is due at once. An address
 * of a prefix never is.
 */
export function renewalDueAt({ family, lease, ipv6 }: Stored, clock: Times): Instant {
  if (family !== 6) return lease === undefined ? -Infinity : restoreLease(lease, clock).t1At;
  if (ipv6?.lease !== undefined) return restoreLease6(ipv6.lease, clock).t1At;
  return ipv6?.address === undefined ? -Infinity : Infinity;
}

/** The address that people know the container by. Undefined without one. */
export function addressShown({ family, lease, ipv6 }: Stored): string | undefined {
  return family === 6 ? ipv6?.address?.address : lease?.address;
}

/** What the lease says of the address in use, with times by the kernel's clock. */
export function leasedAddress(
  { address, lease }: Pick<StoredIpv6, 'address' | 'lease'>,
  clock: Times,
): LeasedAddress | undefined {
  if (address === undefined || lease === undefined) return undefined;
  return restoreLease6(lease, clock).addresses.find((one) => one.address === address.address);
}

function shifted(lease: Lease6, by: number): Lease6 {
  return {
    ...lease,
    addresses: lease.addresses.map((leased) => ({
      ...leased,
      preferredUntil: leased.preferredUntil + by,
      validUntil: leased.validUntil + by,
    })),
    requestedAt: lease.requestedAt + by,
    t1At: lease.t1At + by,
    t2At: lease.t2At + by,
  };
}
