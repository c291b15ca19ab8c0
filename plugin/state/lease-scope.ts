/**
 * Where a lease is made and by which rules: one of our networks, or a pool that a network of another driver takes
 * its addresses from.
 */
import type { AddressBounds } from '../vocabulary/lease.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf, type NetworkRecord } from './records.ts';
import type { HeldRecord } from './lease-records.ts';

export interface LeaseScope {
  /** The NetworkID, or the pool's record id. */
  readonly id: string;
  /** `VLAN 500 of eth1`: scopes on one segment share their DHCP servers, MACs and addresses. */
  readonly segment: string;
  /** The link of the host's that speaks for containers: the bridge, or what carries the VLAN. */
  readonly link: string;
  readonly options: NetworkOptions;
  /** Addresses that will do; undefined: any. */
  readonly bounds: AddressBounds | undefined;
  /** The network is another driver's. */
  readonly isForeign: boolean;
}

export function scopeOfNetwork({ id, options, bounds }: NetworkRecord): LeaseScope {
  return {
    ...{ id, segment: segmentOf(options), link: options.bridge, options },
    ...{ bounds, isForeign: false },
  };
}

/** Where the host speaks for the containers of another driver. */
export function placeOn({ link }: LeaseScope): SocketPlace {
  return { link, promiscuous: true, shared: true };
}

/** How the lease service is to know an endpoint, an address or a held lease. */
export function subjectOf(
  record: Pick<
    HeldRecord,
    'id' | 'mac' | 'clientId' | 'hostName' | 'requestedAddress' | 'mtu' | 'isMacShared'
  >,
  { options, segment, bounds, isForeign }: LeaseScope,
): LeaseSubject {
  return {
    key: record.id,
    identity: {
      mac: record.mac,
      clientId: Uint8Array.from(Buffer.from(record.clientId, 'hex')),
      hostName: record.hostName,
      requestedAddress: record.requestedAddress,
    },
    mtu: record.mtu,
    segment,
    acd: options.acd,
    onConflict: options.onConflict,
    allowedServers: options.dhcpServers,
    rapidCommit: options.rapidCommit,
    lenientServerId: options.serverId === 'lenient',
    bounds,
    isForeign,
    broadcast: record.isMacShared ?? false,
  };
}
