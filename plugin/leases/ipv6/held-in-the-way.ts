/** Which held leases are in the way of an address that somebody needs now (pure). */
import type { HeldRecord } from '../../state/lease-records.ts';
import type { Ipv4 } from '../../wire/address.ts';
import type { Ipv6 } from '../../wire/address6.ts';

interface Identity {
  readonly clientId: string;
}

export function hasAddress(held: HeldRecord, address: Ipv4, { clientId }: Identity): boolean {
  return held.lease?.address === address && held.clientId !== clientId;
}

/**
 * A DHCPv6 server has one lease for an identity. So a lease of another address, of the same
 * identity, is in the way, too.
 */
export function hasAddress6(held: HeldRecord, address: Ipv6, { clientId }: Identity): boolean {
  const leased = held.ipv6?.lease?.addresses ?? [];
  const hasIt = leased.some((one) => one.address === address);
  return leased.length > 0 && hasIt !== (held.clientId === clientId);
}
