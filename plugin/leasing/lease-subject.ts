/** Whom a lease is for, and how it is to be asked for: what the driver tells the lease service. */
import type { ClientConfig } from '../dhcp4/client/client.ts';
import type { AddressBounds, Lease } from '../vocabulary/lease.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { ConflictAnswer, ConflictMode } from './segment/conflict-watch.ts';

export interface LeaseIdentity {
  readonly mac: Mac;
  /** Payload of option 61, type octet included; the same for the whole life of the lease. */
  readonly clientId: Uint8Array;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
}

export interface LeaseSubject {
  /** Names the client in this service: the EndpointID. */
  readonly key: string;
  readonly identity: LeaseIdentity;
  /** MTU of the link, told to the server in option 57. */
  readonly mtu: number;
  /** For messages: `VLAN 500 of eth1`. */
  readonly segment: string;
  readonly acd: ConflictMode;
  /** Absent: `defend`. */
  readonly onConflict?: ConflictAnswer | undefined;
  /** Empty: any. */
  readonly allowedServers: readonly Ipv4[];
  readonly rapidCommit: boolean;
  /** See ClientConfig; absent: false. */
  readonly lenientServerId?: boolean | undefined;
  /** Undefined: any address will do. */
  readonly bounds?: AddressBounds | undefined;
  /** The container does not wear `mac`: answers must be broadcast, as no switch knows where to send them (ipvlan). */
  readonly broadcast?: boolean | undefined;
  /** The container is another driver's: its address is probed for and announced, but not defended by us. */
  readonly isForeign?: boolean | undefined;
}

/** How long an address is asked for. */
export interface Limits {
  readonly by: Instant;
  readonly signal: AbortSignal;
  /** A lease from before; if nobody answers within `patience`, the rest of it is used. */
  readonly previous?: Lease | undefined;
  readonly patience?: Ms;
}

export interface Late extends Limits {
  readonly late: boolean;
}

export function clientConfig(subject: LeaseSubject): ClientConfig {
  const { mac, clientId, hostName, requestedAddress } = subject.identity;
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
  };
}
