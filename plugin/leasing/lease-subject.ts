/** The holder of a lease and the way to request it. The rooms tell it to the lease service. */
import type { ClientConfig } from '../dhcp4/client/client.ts';
import type { Lease6 } from '../vocabulary/ipv6/lease6.ts';
import type { Ipv6Subject } from './ipv6/ipv6-subject.ts';
import type { AddressBounds, Lease, TermsWishes } from '../vocabulary/lease.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { ConflictAnswer, ConflictMode } from './segment/conflict-watch.ts';

export interface LeaseIdentity {
  readonly mac: Mac;
  /**
   * Payload of option 61, with its type octet. It stays the same for the whole life of the lease.
   */
  readonly clientId: Uint8Array;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
}

/** What the options of a network add to each request, and to the choice of servers and terms. */
export interface SiteWishes {
  readonly vendorClass: string | undefined;
  readonly userClass: string | undefined;
  /** The server is asked to register the host name in the DNS: options 81, and 39 of DHCPv6. */
  readonly registersName: boolean;
  readonly alsoAsked: readonly number[];
  readonly deniedServers: readonly Ipv4[];
  readonly terms: TermsWishes;
}

export interface LeaseSubject {
  /** The name of the client in this service: the EndpointID. */
  readonly key: string;
  readonly identity: LeaseIdentity;
  /** NetworkID, or the id of another driver's pool. For events. */
  readonly network?: string | undefined;
  /** MTU of the link. The server is told in option 57. */
  readonly mtu: number;
  /** A text for messages, such as `VLAN 500 of eth1`. */
  readonly segment: string;
  /** True if frames have an outer tag of 802.1ad, which some cards and switches drop. */
  readonly isBehind8021ad?: boolean;
  readonly acd: ConflictMode;
  /** If undefined: `defend`. */
  readonly onConflict?: ConflictAnswer | undefined;
  /** An empty list allows any server. */
  readonly allowedServers: readonly Ipv4[];
  readonly rapidCommit: boolean;
  /** If undefined, nothing is added. */
  readonly site?: SiteWishes | undefined;
  /** See ClientConfig. If undefined: false. */
  readonly lenientServerId?: boolean | undefined;
  /** If undefined, any address is accepted. */
  readonly bounds?: AddressBounds | undefined;
  /**
   * True if the container does not have the MAC `mac` (ipvlan). Answers must then be broadcast,
   * because switches do not know where to send them.
   */
  readonly broadcast?: boolean | undefined;
  /**
   * True if the container is on another driver's network. We then probe for its address and
   * announce it, but do not defend it.
   */
  readonly isForeign?: boolean | undefined;
  /** True if no DHCPv4 server is asked. If undefined: false. */
  readonly isIpv6Only?: boolean | undefined;
  /**
   * The container gets a link-local address while it has no lease. `afterExpiry`: also when a lease
   * has ended, because the container gives its address up. If undefined: it gets none.
   */
  readonly linkLocal?: { readonly afterExpiry: boolean } | undefined;
  /** Undefined without IPv6. */
  readonly ipv6?: Ipv6Subject | undefined;
}

/** How long to try to get an address. */
export interface Limits {
  readonly by: Instant;
  readonly signal: AbortSignal;
  /** An earlier lease. If nobody answers within `patience`, the rest of it is used. */
  readonly previous?: Lease | undefined;
  readonly patience?: Ms;
  /** An earlier lease of a DHCPv6 server, which is asked about first. */
  readonly previousIpv6?: Lease6 | undefined;
}

export interface Late extends Limits {
  readonly late: boolean;
}

export function clientConfig(subject: LeaseSubject): ClientConfig {
  const { mac, clientId, hostName, requestedAddress } = subject.identity;
  const { site } = subject;
  return {
    mac,
    clientId,
    hostName,
    requestedAddress,
    mtu: subject.mtu,
    broadcast: subject.broadcast ?? false,
    bounds: subject.bounds,
    retransmit: 'container-start',
    allowedServers: subject.allowedServers,
    acd: subject.acd !== 'off',
    rapidCommit: subject.rapidCommit,
    lenientServerId: subject.lenientServerId ?? false,
    vendorClass: site?.vendorClass,
    userClass: site?.userClass,
    registersName: site?.registersName,
    alsoAsked: site?.alsoAsked,
    deniedServers: site?.deniedServers,
    wishes: site?.terms,
  };
}
