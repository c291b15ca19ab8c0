/**
 * What the plugin remembers of each network and endpoint (D7): plain data, one file each in the store.
 * Times are wall clock, because they outlive the process; in memory the cores use monotonic instants.
 */
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { AddressBounds, Lease, LeaseTerms } from '../vocabulary/lease.ts';
import type { GuardMode } from '../vocabulary/port-rules.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { TheirLink } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { StoredLease, StoredMoment } from './stored-lease.ts';

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

/** A lease whose container is gone, kept for its return (D9). */
export interface HeldRecord {
  /** The EndpointID that had it, or the id of the address. */
  readonly id: string;
  /** The NetworkID, or the id of the pool where another network driver uses it. */
  readonly scopeId: string;
  readonly mac: Mac;
  readonly clientId: string;
  /** The container wears another MAC than `mac`, which is its parent link's (ipvlan). Absent: no. */
  readonly isMacShared?: boolean | undefined;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
  readonly mtu: number;
  readonly lease: StoredLease;
  /** The hold time counts from here. */
  readonly heldAt: StoredMoment;
  /** A crash or a reboot left it: dockerd needs time to start the containers one after the other. */
  readonly isOrphan: boolean;
}

/** Whoever has a lease. */
export type LeaseHolder = Omit<HeldRecord, 'lease' | 'heldAt' | 'isOrphan'> & {
  readonly lease: StoredLease | undefined;
  /** The next one of the same identity will be known by it. */
  readonly isStable: boolean;
};

export interface LeaseLoss {
  readonly at: WallTime;
  /** `no-server`: there never was one (`on_no_server=late`). `damaged-record`: its file could not be read. */
  readonly cause: NonNullable<LeaseChange['cause']> | 'no-server' | 'damaged-record';
  /** `on_expiry=keep`: the container goes on with the address of the lease that ended. */
  readonly isAddressKept: boolean;
}

export interface EndpointRecord {
  readonly id: string;
  readonly networkId: string;
  /** The veth's end in the bridge. */
  readonly hostEnd: string;
  /** The veth's end that becomes the container's interface. */
  readonly containerEnd: string;
  readonly mac: Mac;
  /** True if Docker chose the MAC: then the answer to CreateEndpoint must not repeat it. */
  readonly macGiven: boolean;
  /** True if our IPAM leased the address before: then the answer must not repeat it either. Absent: no. */
  readonly addressGiven?: boolean | undefined;
  /**
   * True if the next container of the same identity will have the same MAC: Docker or `id` gave it. Absent in
   * records of versions before leases were held.
   */
  readonly isStable?: boolean | undefined;
  /** Option 61 in hex, type octet included. */
  readonly clientId: string;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
  /** What the user said for this container. Absent: what the network says. */
  readonly guard?: GuardMode | undefined;
  /** MTU of the link as it is now. */
  readonly mtu: number;
  /** What a server has granted; undefined: nothing, or nothing any more. */
  readonly lease: StoredLease | undefined;
  /** Why there is no lease. */
  readonly lost: LeaseLoss | undefined;
  readonly terms: {
    /** What CreateEndpoint answered: libnetwork configures it at every Join. */
    readonly answered: LeaseTerms | undefined;
    /** What the container's link is configured with, which may lag behind the lease. */
    readonly configured: LeaseTerms | undefined;
  };
  readonly createdAt: WallTime;
  /** As dockerd spelled it in Join; undefined before Join and after Leave. */
  readonly sandboxKey: string | undefined;
  readonly joinedAt?: WallTime | undefined;
  /** After Leave: its container is done with it, though DeleteEndpoint may never come. */
  readonly hasLeft?: boolean | undefined;
}

/** The terms without the times, as the container's link is to know them. */
export function termsOf(lease: Lease | StoredLease): LeaseTerms {
  const { address, prefixLength, gateway, routes, mtu, serverId, serverMac } = lease;
  const { dnsServers, domainName, domainSearch } = lease;
  const names = { dnsServers, domainName, domainSearch };
  return { address, prefixLength, gateway, routes, mtu, ...names, serverId, serverMac };
}

/** An endpoint as one who has a lease. */
export function holderOf(endpoint: EndpointRecord): LeaseHolder {
  const { id, mac, clientId, hostName, requestedAddress, mtu, lease, macGiven } = endpoint;
  const identity = { id, scopeId: endpoint.networkId, mac, clientId, hostName, requestedAddress };
  return { ...identity, mtu, lease, isStable: endpoint.isStable ?? macGiven };
}

/** `VLAN 500 of eth1`: how errors and logs name where a network lives. */
export function segmentOf({ parent, vlan }: Pick<NetworkOptions, 'parent' | 'vlan'>): string {
  return vlan === undefined ? `${parent} (untagged)` : `VLAN ${vlan} of ${parent}`;
}
