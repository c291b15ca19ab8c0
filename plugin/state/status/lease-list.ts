/**
 * The leases of this host as one flat list, for operators: those of containers, of the host itself,
 * and those that are held for a container that is gone.
 */
import type { Clock } from '../../clock.ts';
import type { HeldRecord } from '../lease-records.ts';
import type { LeaseScope } from '../lease-scope.ts';
import { readableLease, elapsedSince } from '../stored-lease.ts';
import type { Ipv6Status } from './ipv6-status.ts';
import type { EndpointStatus, HostStatus, NetworkStatus } from './status.ts';
import { timeText } from './time-text.ts';

export interface LeaseEntry {
  /** NetworkID. For another driver's network: `pool` and the id of the pool. */
  readonly network: string;
  readonly segment: string;
  /** `nobody`: the lease is held for a container that is gone. */
  readonly holder: 'container' | 'host' | 'nobody';
  /** EndpointID. For another driver's container and for a held lease: the id of the lease. */
  readonly endpoint: string;
  readonly mac: string;
  /** The present address, with its prefix length. Undefined without one. */
  readonly address: string | undefined;
  readonly ipv6: Ipv6Status | undefined;
  readonly gateway: string | undefined;
  readonly state: EndpointStatus['state'] | HostStatus['state'] | 'held';
  readonly server: string | undefined;
  /** ISO times, or `infinite`. Undefined without a lease. */
  readonly renewsAt: string | undefined;
  readonly rebindsAt: string | undefined;
  readonly expiresAt: string | undefined;
  readonly renewal: EndpointStatus['renewal'];
  readonly lost: EndpointStatus['lost'];
  readonly conflict: EndpointStatus['conflict'];
  /** Since when the lease is held for a container that is gone. */
  readonly heldSince: string | undefined;
}

/** @param scopeOf finds the network or pool of a held lease. */
export function leaseList(
  networks: readonly NetworkStatus[],
  held: readonly HeldRecord[],
  scopeOf: (id: string) => LeaseScope | undefined,
  clock: Clock,
): LeaseEntry[] {
  return [
    ...networks.flatMap(({ network, segment, endpoints, host }) => [
      ...endpoints.map((status) => present({ network, segment }, 'container', status)),
      ...(host === undefined
        ? []
        : [present({ network, segment }, 'host', { ...host, endpoint: 'host' })]),
    ]),
    ...held.map((record) => heldEntry(record, scopeOf(record.scopeId), clock)),
  ];
}

type Present = Omit<EndpointStatus, 'state' | 'sandbox' | 'gateway'> & {
  readonly state: LeaseEntry['state'];
  readonly gateway?: string | undefined;
};

function present(
  place: Pick<LeaseEntry, 'network' | 'segment'>,
  holder: LeaseEntry['holder'],
  { endpoint, mac, address, ipv6, gateway, state, lease, renewal, lost, conflict }: Present,
): LeaseEntry {
  return {
    ...{ ...place, holder, endpoint, mac, address, ipv6, gateway, state },
    ...{ server: lease?.server, renewsAt: lease?.renewsAt, rebindsAt: lease?.rebindsAt },
    ...{ expiresAt: lease?.expiresAt, renewal, lost, conflict, heldSince: undefined },
  };
}

function heldEntry(
  { id, scopeId, mac, lease: stored, heldAt }: HeldRecord,
  scope: LeaseScope | undefined,
  clock: Clock,
): LeaseEntry {
  const lease = readableLease(stored, clock);
  return {
    network: scope?.isForeign === true ? `pool ${scopeId}` : scopeId,
    segment: scope?.segment ?? 'unknown',
    ...{ holder: 'nobody', endpoint: id, mac, ipv6: undefined, gateway: lease.gateway },
    address: `${lease.address}/${lease.prefixLength}`,
    state: 'held',
    server: lease.serverId,
    renewsAt: timeText(lease.t1At),
    rebindsAt: timeText(lease.t2At),
    expiresAt: timeText(lease.expiresAt),
    ...{ renewal: undefined, lost: undefined, conflict: undefined },
    heldSince: timeText(clock.wall() - elapsedSince(heldAt, clock)),
  };
}
