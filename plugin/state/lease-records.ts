/**
 * What the plugin stores about each lease (D7): plain data, one file for each lease. The file stays
 * the same from the first ACK to the end. Only `holder` changes. So each change of the holder is
 * one write.
 *
 * Most callers need only one kind of holder. Endpoints, addresses and held leases are views of the
 * same record.
 */
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { LeaseTerms, LinkTerms } from '../vocabulary/lease.ts';
import type { AttachmentMode } from '../vocabulary/attachment.ts';
import type { DnsServer } from '../vocabulary/dns-redirect.ts';
import type { LinkAddress } from '../vocabulary/sandbox-change.ts';
import type { GuardMode } from '../vocabulary/port-rules.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { isLeased, type StoredIpv6 } from './stored-ipv6.ts';
import type { StoredLease, StoredMoment } from './stored-lease.ts';

export interface LeaseRecord {
  /** Also the key of its DHCP client. */
  readonly id: string;
  /** 6: the container has no IPv4, and `lease` is always undefined. 4: it may have IPv6 beside. */
  readonly family: 4 | 6;
  /** The NetworkID. For another driver's network: the id of its pool. */
  readonly scopeId: string;
  readonly mac: Mac;
  /** Option 61 in hex, with its type octet. */
  readonly clientId: string;
  /**
   * True if the container has another MAC than `mac`, which is its parent link's (ipvlan). If
   * undefined: false.
   */
  readonly isMacShared?: boolean | undefined;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
  /** The present MTU of the link. */
  readonly mtu: number;
  /**
   * True if the next container of the same identity has the same MAC or name. Docker, a person or
   * `id` gave it.
   */
  readonly isStable: boolean;
  /** The granted lease. Undefined if there is none, or none any more. */
  readonly lease: StoredLease | undefined;
  /** Why there is no lease. */
  readonly lost: LeaseLoss | undefined;
  /** Undefined without IPv6. */
  readonly ipv6?: StoredIpv6 | undefined;
  /** One for each endpoint that is gone. If undefined: none. */
  readonly awaited?: readonly AwaitedRelease[] | undefined;
  readonly holder: EndpointHolder | AddressHolder | HostHolder | NoHolder;
}

/**
 * An endpoint is gone, but Docker has not released its address yet. That call must not end another
 * container's lease, to which a server may have given the same address meanwhile.
 */
export interface AwaitedRelease {
  readonly address: Ipv4;
  /** When the endpoint was removed. */
  readonly since: StoredMoment;
}

/** The fields that every holder of a lease has. */
interface Identity extends Omit<
  LeaseRecord,
  'family' | 'lease' | 'lost' | 'awaited' | 'holder' | 'isStable'
> {
  /** If undefined: 4. */
  readonly family?: 4 | 6 | undefined;
}

/** An endpoint of our network driver. */
export interface EndpointHolder {
  readonly is: 'endpoint';
  readonly id: string;
  /** How its link is joined to the segment. If undefined: `bridge`. */
  readonly mode?: AttachmentMode | undefined;
  /** The veth's end in the bridge. Undefined if the link has no end in the host. */
  readonly hostEnd: string | undefined;
  /** The end that becomes the container's interface. */
  readonly containerEnd: string;
  /** True if Docker chose the MAC. The answer to CreateEndpoint must then not repeat it. */
  readonly macGiven: boolean;
  /**
   * True if our IPAM leased the address before. The answer must then not repeat it. If undefined:
   * false.
   */
  readonly addressGiven?: boolean | undefined;
  /** The guard that the user chose for this container. If undefined: that of the network. */
  readonly guard?: GuardMode | undefined;
  /** True if the client-id was made by the network's `client_id`. If undefined: of the MAC. */
  readonly isClientIdTyped?: boolean | undefined;
  /** True if a person typed the host name. If undefined: no, or not known. */
  readonly isHostNameTyped?: boolean | undefined;
  /** As Docker's API told it after the start. If undefined: not known. */
  readonly containerName?: string | undefined;
  /** The name that the user chose for the link in the container. If undefined: none. */
  readonly ifName?: string | undefined;
  readonly terms: {
    /** The answer to CreateEndpoint. libnetwork configures it at every Join. */
    readonly answered: LeaseTerms | undefined;
    /** The present configuration of the container's link. It may be older than the lease. */
    readonly configured: LinkTerms | undefined;
  };
  readonly createdAt: WallTime;
  /** The sandbox as dockerd spelled it in Join. Undefined before Join and after Leave. */
  readonly sandboxKey: string | undefined;
  /** The link's name in the container, where the link may have to be made again. */
  readonly interfaceName?: string | undefined;
  /**
   * The DNS servers that Docker asks for the container, as they were at its start. Undefined unless
   * `dns=lease`.
   */
  readonly dnsAsked?: readonly DnsServer[] | undefined;
  readonly joinedAt?: WallTime | undefined;
  /** True after Leave. The container no longer uses it, but DeleteEndpoint may never come. */
  readonly hasLeft?: boolean | undefined;
}

/**
 * Docker has the address for a container. With our driver this lasts until CreateEndpoint makes an
 * endpoint of it. With another driver it lasts until Docker releases the address.
 */
export interface AddressHolder {
  readonly is: 'address';
  readonly poolId: string;
  /** The address that Docker was told. It stays the same when the lease changes. */
  readonly address: Ipv4;
  readonly createdAt: StoredMoment;
  /** True if a container was found to have it. */
  readonly wasSeen: boolean;
}

/** The host itself has the lease, for its own link to the containers of a network. */
export interface HostHolder {
  readonly is: 'host';
  /** The name of that link. */
  readonly link: string;
  /** What the link is to have. Undefined without a lease, and if the host must not use it. */
  readonly address: LinkAddress | undefined;
}

/**
 * The container is gone. Its lease is kept for its return (D9), or Docker still has to release the
 * address of a lease that was given back.
 */
export interface NoHolder {
  readonly is: 'nobody';
  readonly since: StoredMoment;
  /** `orphan`: its end was not announced. It was found after a crash or a reboot. */
  readonly why: 'ended' | 'orphan';
}

export interface LeaseLoss {
  readonly at: WallTime;
  /**
   * `no-server`: there never was a lease (`on_no_server=late`). `damaged-record`: its file could
   * not be read.
   */
  readonly cause: NonNullable<LeaseChange['cause']> | 'no-server' | 'damaged-record';
  /** `on_expiry=keep`: the container keeps the address of the expired lease. */
  readonly isAddressKept: boolean;
  /** The address of RFC 3927 that the container has meanwhile (`on_no_server=link-local`). */
  readonly linkLocal?: Ipv4 | undefined;
}

/** A lease of an endpoint. Its `id` is the id of the endpoint. */
export interface EndpointRecord extends Omit<Identity, 'scopeId'>, Omit<EndpointHolder, 'is'> {
  readonly leaseId: string;
  readonly networkId: string;
  readonly isStable: boolean;
  readonly lease: StoredLease | undefined;
  readonly lost: LeaseLoss | undefined;
}

/** A lease whose address Docker has. */
export interface AddressRecord extends Identity, Omit<AddressHolder, 'is'> {
  readonly isStable: boolean;
  readonly lease: StoredLease | undefined;
  readonly lost: LeaseLoss | undefined;
}

/** A lease without a holder. */
export interface HeldRecord extends Identity {
  /** Undefined without IPv4. */
  readonly lease: StoredLease | undefined;
  readonly heldAt: StoredMoment;
  /** True if nobody announced the end of its container. */
  readonly isOrphan: boolean;
}

/** Any holder of a lease. `id` is the lease's. */
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

export type HostRecord = Held<HostHolder>;

export function isOfHost(record: LeaseRecord): record is HostRecord {
  return record.holder.is === 'host';
}

/** The id of the host's own lease on a network. */
export function hostLeaseId(networkId: string): string {
  return `host.${networkId}`;
}

function familyOf({ family }: Pick<LeaseRecord, 'family'>): Identity['family'] {
  return family === 6 ? 6 : undefined;
}

export function endpointOf({ id: leaseId, holder, ...rest }: Held<EndpointHolder>): EndpointRecord {
  const { scopeId: networkId, mac, clientId, isMacShared, hostName, requestedAddress } = rest;
  const { mtu, isStable, lease, lost, ipv6 } = rest;
  const { id, mode, hostEnd, containerEnd, macGiven, addressGiven, guard, terms } = holder;
  const { createdAt, sandboxKey, ifName, isClientIdTyped, isHostNameTyped, interfaceName } = holder;
  const { dnsAsked, containerName, joinedAt, hasLeft } = holder;
  return {
    id, // see leaseOfEndpoint
    ...{ leaseId, networkId, mode, hostEnd, containerEnd, mac, macGiven, addressGiven },
    ...{ isStable, isMacShared, ipv6, family: familyOf(rest), dnsAsked, joinedAt, hasLeft },
    ...{ clientId, hostName, requestedAddress, guard, mtu, lease, lost, terms, createdAt },
    ...{ sandboxKey, ifName, isClientIdTyped, isHostNameTyped, interfaceName, containerName },
  };
}

export function leaseOfEndpoint(endpoint: EndpointRecord): LeaseRecord {
  const { leaseId, networkId, mac, clientId, isMacShared, hostName, ...more } = endpoint;
  const { mtu, requestedAddress, isStable, lease, lost, ipv6, family = 4, ...facts } = more;
  return {
    // Node 20 lays out each object anew that begins with a spread: 36 µs and 600 bytes more.
    id: leaseId,
    ...{ family, scopeId: networkId, mac, clientId, isMacShared, hostName },
    ...{ requestedAddress, mtu, isStable, lease, lost, ipv6 },
    holder: { is: 'endpoint', ...facts },
  };
}

function identityOf(record: LeaseRecord): Identity {
  const { id, scopeId, mac, clientId, isMacShared, hostName, requestedAddress, mtu } = record;
  const [{ ipv6 }, family] = [record, familyOf(record)];
  const wishes = { hostName, requestedAddress };
  return { id, scopeId, mac, clientId, isMacShared, ...wishes, mtu, ipv6, family };
}

export function addressOf(record: Held<AddressHolder>): AddressRecord {
  const { isStable, lease, lost, holder } = record;
  const { poolId, address, createdAt, wasSeen } = holder;
  const facts = { poolId, address, createdAt, wasSeen };
  return { ...identityOf(record), isStable, lease, lost, ...facts };
}

export function leaseOfAddress(record: AddressRecord): LeaseRecord {
  const { poolId, address, createdAt, wasSeen, family = 4, ...rest } = record;
  return { ...rest, family, holder: { is: 'address', poolId, address, createdAt, wasSeen } };
}

/** @returns undefined if there is no lease to hold. */
export function heldOf(record: LeaseRecord): HeldRecord | undefined {
  const { holder, lease } = record;
  if (holder.is !== 'nobody' || !isLeased(record)) return undefined;
  const isOrphan = holder.why === 'orphan';
  return { ...identityOf(record), lease, heldAt: holder.since, isOrphan };
}

export function leaseOfHeld({ heldAt, isOrphan, family = 4, ...rest }: HeldRecord): LeaseRecord {
  const holder = { is: 'nobody', since: heldAt, why: isOrphan ? 'orphan' : 'ended' } as const;
  return { ...rest, family, isStable: true, lost: undefined, holder };
}

/** Turns an endpoint into a holder of a lease. */
export function holderOf(endpoint: EndpointRecord): LeaseHolder {
  const { leaseId: id, networkId: scopeId, mac, clientId, isMacShared, hostName } = endpoint;
  const { requestedAddress, mtu, lease, isStable, ipv6, family } = endpoint;
  return {
    ...{ id, family, scopeId, mac, clientId, isMacShared, hostName, requestedAddress },
    ...{ mtu, lease, isStable, ipv6 },
  };
}

/** Fields for the log. */
export function endpointContext({
  id,
  networkId,
}: Pick<EndpointRecord, 'id' | 'networkId'>): Record<string, string> {
  return { network: networkId.slice(0, 12), endpoint: id.slice(0, 12) };
}
