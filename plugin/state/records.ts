/**
 * What the plugin remembers of each network (D7): plain data, one file each in the store. Leases: lease-records.ts.
 * Times are wall clock, because they outlive the process; in memory the cores use monotonic instants.
 */
import type { AddressBounds, Lease, LeaseTerms } from '../vocabulary/lease.ts';
import type { TheirLink } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { StoredLease } from './stored-lease.ts';

export { restoreLease, storeLease, type StoredLease } from './stored-lease.ts';

export interface NetworkRecord {
  readonly id: string;
  readonly options: NetworkOptions;
  /** `docker network create --internal`: containers get no gateway. */
  readonly internal: boolean;
  /**
   * What may be leased: there only if addresses come from a pool of ours, before an endpoint is made. Absent: the
   * endpoint leases any.
   */
  readonly bounds?: AddressBounds | undefined;
  /** The VLAN sub-interface in use, which may have been there before us under any name. */
  readonly vlanLink: string | undefined;
  /** True if the uplink was put into the bridge for this segment, so that it must come out again. */
  readonly uplinkPort: boolean;
  /** MTU of the containers' links. */
  readonly mtu: number;
  /** We never make these again. Absent: none. */
  readonly theirs?: readonly TheirLink[] | undefined;
  /** Its links are being made or removed: found at a start, it is removed with all of them. Absent: no. */
  readonly isUnfinished?: boolean | undefined;
}

/** The terms without the times, as the container's link is to know them. */
export function termsOf(lease: Lease | StoredLease): LeaseTerms {
  const { address, prefixLength, gateway, routes, mtu, serverId, serverMac } = lease;
  const { dnsServers, domainName, domainSearch } = lease;
  const names = { dnsServers, domainName, domainSearch };
  return { address, prefixLength, gateway, routes, mtu, ...names, serverId, serverMac };
}

/** `VLAN 500 of eth1`: how errors and logs name where a network lives. */
export function segmentOf({ parent, vlan }: Pick<NetworkOptions, 'parent' | 'vlan'>): string {
  return vlan === undefined ? `${parent} (untagged)` : `VLAN ${vlan} of ${parent}`;
}
