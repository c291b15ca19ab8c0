/**
 * What the plugin remembers of each lease (D7): plain data, one file each in the store. The file stays the same from the
 * first ACK to the last moment; only `holder` changes. So each change of hands is one write.
 *
 * Most callers care for one kind of holder only: endpoints, addresses and held leases are views of the same record.
 */
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { LeaseTerms } from '../vocabulary/lease.ts';
import type { GuardMode } from '../vocabulary/port-rules.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { StoredLease, StoredMoment } from './stored-lease.ts';

export interface LeaseRecord {
  /** The key of its DHCP client, too. */
  readonly id: string;
  /** IPv4: there is no other yet. */
  readonly family: 4;
  /** The NetworkID, or the id of the pool where another network driver uses it. */
  readonly scopeId: string;
  readonly mac: Mac;
  /** Option 61 in hex, type octet included. */
  readonly clientId: string;
  /** The container wears another MAC than `mac`, which is its parent link's (ipvlan). Absent: no. */
  readonly isMacShared?: boolean | undefined;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
  /** MTU of the link as it is now. */
  readonly mtu: number;
  /** The next container of the same identity will be known by it: Docker, a person, or `id` gave the MAC or name. */
  readonly isStable: boolean;
  /** What a server has granted; undefined: nothing, or nothing any more. */
  readonly lease: StoredLease | undefined;
  /** Why there is no lease. */
  readonly lost: LeaseLoss | undefined;
  readonly awaited?: AwaitedRelease | undefined;
  readonly holder: EndpointHolder | AddressHolder | NoHolder;
}

/**
 * An endpoint is gone, and Docker is still to release its address. That call must not end another container's lease,
 * which a server may have given the same address meanwhile.
 */
export interface AwaitedRelease {
  readonly address: Ipv4;
  /** When the endpoint went. */
  readonly since: StoredMoment;
}

/** Who has a lease, whoever it is. */
type Identity = Omit<LeaseRecord, 'family' | 'lease' | 'lost' | 'awaited' | 'holder' | 'isStable'>;

/** An endpoint of our network driver. */
export interface EndpointHolder {
  readonly is: 'endpoint';
  readonly id: string;
  /** The veth's end in the bridge. */
  readonly hostEnd: string;
  /** The veth's end that becomes the container's interface. */
  readonly containerEnd: string;
  /** True if Docker chose the MAC: then the answer to CreateEndpoint must not repeat it. */
  readonly macGiven: boolean;
  /** True if our IPAM leased the address before: then the answer must not repeat it either. Absent: no. */
  readonly addressGiven?: boolean | undefined;
  /** What the user said for this container. Absent: what the network says. */
  readonly guard?: GuardMode | undefined;
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

/**
 * Docker was given the address for a container: until our own CreateEndpoint makes an endpoint of it, and for as long as
 * Docker has it under another network driver.
 */
export interface AddressHolder {
  readonly is: 'address';
  readonly poolId: string;
  /** What Docker was told, whatever became of the lease. */
  readonly address: Ipv4;
  readonly createdAt: StoredMoment;
  /** A container was found to have it. */
  readonly wasSeen: boolean;
}

/** The container is gone. Its lease is kept for its return (D9), or given back and the release of its address awaited. */
export interface NoHolder {
  readonly is: 'nobody';
  readonly since: StoredMoment;
  /** `orphan`: nobody said that it ended; it was found after a crash or a reboot. */
  readonly why: 'ended' | 'orphan';
}

export interface LeaseLoss {
  readonly at: WallTime;
  /** `no-server`: there never was one (`on_no_server=late`). `damaged-record`: its file could not be read. */
  readonly cause: NonNullable<LeaseChange['cause']> | 'no-server' | 'damaged-record';
  /** `on_expiry=keep`: the container goes on with the address of the lease that ended. */
  readonly isAddressKept: boolean;
}

/** A lease that an endpoint has, by the id of the endpoint. */
export interface EndpointRecord
  extends Omit<Identity, 'scopeId' | 'isMacShared'>, Omit<EndpointHolder, 'is'> {
  readonly leaseId: string;
  readonly networkId: string;
  readonly isStable: boolean;
  readonly lease: StoredLease | undefined;
  readonly lost: LeaseLoss | undefined;
}

/** A lease that Docker has as an address. */
export interface AddressRecord extends Identity, Omit<AddressHolder, 'is'> {
  readonly isStable: boolean;
  readonly lease: StoredLease | undefined;
  readonly lost: LeaseLoss | undefined;
}

/** A lease that nobody has. */
export interface HeldRecord extends Identity {
  readonly lease: StoredLease;
  readonly heldAt: StoredMoment;
  /** Nobody said that its container ends. */
  readonly isOrphan: boolean;
  readonly awaited?: AwaitedRelease | undefined;
}

/** Whoever has a lease; `id` is the lease's. */
export type LeaseHolder = Identity & {
  readonly lease: StoredLease | undefined;
  readonly isStable: boolean;
};

type Held<Holder> = LeaseRecord & { readonly holder: Holder };

export function isOfEndpoint(record: LeaseRecord): record is Held<EndpointHolder> {
  return record.holder.is === 'endpoint';
}

export function isOfAddress(record: LeaseRecord): record is Held<AddressHolder> {
  return record.holder.is === 'address';
}

export function endpointOf({ id: leaseId, holder, ...rest }: Held<EndpointHolder>): EndpointRecord {
  const { scopeId: networkId, mac, clientId, hostName, requestedAddress, mtu } = rest;
  const { isStable, lease, lost } = rest;
  const { id, hostEnd, containerEnd, macGiven, addressGiven, guard, terms, createdAt } = holder;
  const { sandboxKey, joinedAt, hasLeft } = holder;
  return {
    ...{ id, leaseId, networkId, hostEnd, containerEnd, mac, macGiven, addressGiven, isStable },
    ...{ clientId, hostName, requestedAddress, guard, mtu, lease, lost, terms, createdAt },
    ...{ sandboxKey, joinedAt, hasLeft },
  };
}

export function leaseOfEndpoint(endpoint: EndpointRecord): LeaseRecord {
  const { id, leaseId, networkId, mac, clientId, hostName, requestedAddress, mtu } = endpoint;
  const { isStable, lease, lost, ...facts } = endpoint;
  const { hostEnd, containerEnd, macGiven, addressGiven, guard, terms, createdAt } = facts;
  const { sandboxKey, joinedAt, hasLeft } = facts;
  return {
    ...{ id: leaseId, family: 4, scopeId: networkId, mac, clientId, hostName, requestedAddress },
    ...{ mtu, isStable, lease, lost },
    holder: {
      ...{ is: 'endpoint', id, hostEnd, containerEnd, macGiven, addressGiven, guard, terms },
      ...{ createdAt, sandboxKey, joinedAt, hasLeft },
    },
  };
}

function identityOf(record: LeaseRecord): Identity {
  const { id, scopeId, mac, clientId, isMacShared, hostName, requestedAddress, mtu } = record;
  return { id, scopeId, mac, clientId, isMacShared, hostName, requestedAddress, mtu };
}

export function addressOf(record: Held<AddressHolder>): AddressRecord {
  const { isStable, lease, lost, holder } = record;
  const { poolId, address, createdAt, wasSeen } = holder;
  const facts = { poolId, address, createdAt, wasSeen };
  return { ...identityOf(record), isStable, lease, lost, ...facts };
}

export function leaseOfAddress(record: AddressRecord): LeaseRecord {
  const { poolId, address, createdAt, wasSeen, ...rest } = record;
  return { ...rest, family: 4, holder: { is: 'address', poolId, address, createdAt, wasSeen } };
}

/** @returns undefined: there is nothing to hold. */
export function heldOf(record: LeaseRecord): HeldRecord | undefined {
  const { holder, lease, awaited } = record;
  if (holder.is !== 'nobody' || lease === undefined) return undefined;
  const isOrphan = holder.why === 'orphan';
  return { ...identityOf(record), lease, heldAt: holder.since, isOrphan, awaited };
}

export function leaseOfHeld({ heldAt, isOrphan, ...rest }: HeldRecord): LeaseRecord {
  const holder = { is: 'nobody', since: heldAt, why: isOrphan ? 'orphan' : 'ended' } as const;
  return { ...rest, family: 4, isStable: true, lost: undefined, holder };
}

/** An endpoint as one who has a lease. */
export function holderOf(endpoint: EndpointRecord): LeaseHolder {
  const { leaseId: id, networkId: scopeId, mac, clientId, hostName, requestedAddress } = endpoint;
  const { mtu, lease, isStable } = endpoint;
  return { id, scopeId, mac, clientId, hostName, requestedAddress, mtu, lease, isStable };
}
