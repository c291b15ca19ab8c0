/**
 * What the plugin stores about each network (D7): plain data, one file for each network. For leases
 * see lease-records.ts. Stored times are wall clock, because they outlive the process. In memory
 * the cores use monotonic instants.
 */
import type { AddressBounds, Lease, LeaseTerms } from '../vocabulary/lease.ts';
import type { TheirLink } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import { vlanLabel, type Segment } from '../vocabulary/vlan-tags.ts';
import type { Subnet6 } from '../wire/address6.ts';
import type { StoredLease } from './stored-lease.ts';

export { restoreLease, storeLease, type StoredLease } from './stored-lease.ts';

export interface NetworkRecord {
  readonly id: string;
  readonly options: NetworkOptions;
  /** `docker network create --internal`: containers get no gateway. */
  readonly internal: boolean;
  /**
   * The addresses that may be leased. Set only if addresses come from a pool of ours, before an
   * endpoint is made. If undefined, the endpoint may lease any address.
   */
  readonly bounds?: AddressBounds | undefined;
  /** The IPv6 subnet of `--subnet`. If undefined, Docker was told none. */
  readonly subnet6?: Subnet6 | undefined;
  /** The VLAN link in use. It may be older than the network and have any name. */
  readonly vlanLink: string | undefined;
  /** The link of the outer tag, below the VLAN link. Undefined unless there are two tags. */
  readonly outerLink?: string | undefined;
  /** True if we made the uplink a port of the bridge. It must then be taken out again. */
  readonly uplinkPort: boolean;
  /**
   * The links that we made members of the VLAN, on an operator's bridge: the bridge, its port. They
   * are taken out again. If undefined: none.
   */
  readonly vlanMembers?: readonly string[] | undefined;
  /** MTU of the containers' links. */
  readonly mtu: number;
  /** Links that we never make again. If undefined: none. */
  readonly theirs?: readonly TheirLink[] | undefined;
  /**
   * True while its links are made or removed. A start then removes the network with all of them. If
   * undefined: false.
   */
  readonly isUnfinished?: boolean | undefined;
}

/** The terms without the times. The container's link gets these. */
export function termsOf(lease: Lease | StoredLease): LeaseTerms {
  const { address, prefixLength, gateway, routes, mtu, serverId, serverMac } = lease;
  const { dnsServers, domainName, domainSearch, others } = lease;
  const names = { dnsServers, domainName, domainSearch, ...(others && { others }) };
  return { address, prefixLength, gateway, routes, mtu, ...names, serverId, serverMac };
}

/**
 * Returns `VLAN 500 of eth1`, the name of the segment in errors and logs. Two segments never have
 * one name, so it is the key of a segment, too.
 */
export function segmentOf({ parent, vlan }: Segment): string {
  return vlan === undefined ? `${parent} (untagged)` : `VLAN ${vlanLabel(vlan)} of ${parent}`;
}
