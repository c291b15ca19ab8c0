/** What is the case with a lease, in one word, and since when it waits to be renewed. */
import type { Times } from '../../clock.ts';
import type { Ms, WallTime } from '../../vocabulary/time.ts';
import type { AddressRecord, EndpointRecord, HostRecord } from '../lease-records.ts';
import { readableTimes, type StoredLease } from '../stored-lease.ts';

/** The times between which the lease waits. Then other servers are asked, or the lease ends. */
export interface Renewal {
  readonly state: 'renewing' | 'rebinding';
  readonly since: WallTime;
  readonly until: WallTime;
}

/** `pending`: the container does not have yet what its lease says. */
export type LeaseState =
  | 'leased'
  | Renewal['state']
  | 'pending'
  | 'no lease'
  | 'no lease, address kept'
  | 'no lease, link-local address';

/** `lease not used`: the host has a route to that subnet already. The log says more. */
export type HostLeaseState = LeaseState | 'lease not used';

/** A living server and a restarted client answer within this time. */
const ANSWERED_WITHIN: Ms = 10_000;

/** A lease whose T1 has passed waits for renewal. An answer would have brought other times. */
export function renewalOf(stored: StoredLease | undefined, clock: Times): Renewal | undefined {
  if (stored === undefined) return undefined;
  const { t1At, t2At, expiresAt, requestedAt } = readableTimes(stored, clock);
  const now = clock.wall();
  const patience = Math.min(ANSWERED_WITHIN, (expiresAt - requestedAt) / 16);
  if (now >= t2At) return { state: 'rebinding', since: t2At, until: expiresAt };
  return now >= t1At + patience ? { state: 'renewing', since: t1At, until: t2At } : undefined;
}

/** @param renewal of the lease of the record. */
export function endpointState(
  { family, ipv6, lease, lost, terms }: EndpointRecord,
  renewal: Renewal | undefined,
): LeaseState {
  if (family === 6) {
    if (ipv6?.address === undefined && ipv6?.configured === undefined) return 'no lease';
    return ipv6.address?.address === ipv6.configured?.address ? 'leased' : 'pending';
  }
  if (lease === undefined) {
    if (terms.configured === undefined) return 'no lease';
    if (lost?.isAddressKept === true) return 'no lease, address kept';
    const isLinkLocal = terms.configured.address === lost?.linkLocal;
    return isLinkLocal ? 'no lease, link-local address' : 'pending';
  }
  if (lease.address !== terms.configured?.address) return 'pending';
  return renewal?.state ?? 'leased';
}

/** @param renewal of the lease of the record. */
export function hostState(
  { lease, holder }: HostRecord,
  renewal: Renewal | undefined,
): HostLeaseState {
  if (lease === undefined) return holder.address ? 'no lease, address kept' : 'no lease';
  if (holder.address === undefined) return 'lease not used';
  return renewal?.state ?? 'leased';
}

/**
 * The container of another driver has what Docker was told.
 * @param renewal of the lease of the record.
 */
export function addressState({ lease }: AddressRecord, renewal: Renewal | undefined): LeaseState {
  if (lease === undefined) return 'no lease, address kept';
  return renewal?.state ?? 'leased';
}
