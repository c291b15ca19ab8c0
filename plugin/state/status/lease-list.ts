/**
 * The leases of this host as one flat list, for operators: those of containers, of the host itself,
 * and those that are held for a container that is gone.
 */
import type { Times } from '../../clock.ts';
import type { HeldRecord } from '../lease-records.ts';
import type { LeaseScope } from '../lease-scope.ts';
import { readableTimes, elapsedSince } from '../stored-lease.ts';
import type { LeaseIdentity } from './lease-identity.ts';
import { ipv6Status, type Ipv6Status } from './ipv6-status.ts';
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
  /** True on a network with `ipv4=off`. If undefined: false. */
  readonly isIpv6Only?: boolean | undefined;
  /** The present IPv4 address, with its prefix length. Undefined without one. */
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
  /** The best name that the plugin has for its user. Only Docker's is what `docker ps` shows. */
  readonly name?: string | undefined;
  readonly nameFrom?: NameSource | undefined;
  /** Of Compose or Swarm, as Docker's API told it. */
  readonly service?: string | undefined;
  /** As Docker's API told it. */
  readonly networkName?: string | undefined;
  /** Undefined while the lease is made. */
  readonly identity?: LeaseIdentity | undefined;
}

/** `hostname`: what the DHCP server is told. `id`: the beginning of the endpoint's id. */
export type NameSource = 'docker' | 'hostname' | 'id';

/** What an operator is told of the user of a lease. */
export type LeaseUser = Pick<
  LeaseEntry,
  'name' | 'nameFrom' | 'service' | 'networkName' | 'identity'
>;

/** The fields by which the user of a lease is found. */
export type LeaseKeys = Pick<LeaseEntry, 'network' | 'holder' | 'endpoint'>;

/**
 * @param scopeOf finds the network or pool of a held lease.
 * @param userOf finds out who uses a lease.
 */
export function leaseList(
  networks: readonly NetworkStatus[],
  held: readonly HeldRecord[],
  scopeOf: (id: string) => LeaseScope | undefined,
  userOf: (keys: LeaseKeys) => LeaseUser,
  clock: Times,
): LeaseEntry[] {
  const entries: LeaseEntry[] = [];
  for (const { network, segment, endpoints, host } of networks) {
    for (const status of endpoints) {
      const keys = { network, segment, holder: 'container', endpoint: status.endpoint } as const;
      entries.push(present(keys, status, userOf(keys)));
    }
    if (host === undefined) continue;
    const keys = { network, segment, holder: 'host', endpoint: 'host' } as const;
    entries.push(present(keys, host, userOf(keys)));
  }
  for (const record of held) {
    const entry = heldEntry(record, scopeOf(record.scopeId), clock);
    entries.push({ ...entry, ...userOf(entry) });
  }
  return entries;
}

type Present = Omit<EndpointStatus, 'endpoint' | 'state' | 'sandbox' | 'gateway'> & {
  readonly state: LeaseEntry['state'];
  readonly gateway?: string | undefined;
};

/** Written out field by field: an object with spreads takes V8 ten times as long to make. */
function present(
  { network, segment, holder, endpoint }: LeaseKeys & Pick<LeaseEntry, 'segment'>,
  status: Present,
  { name, nameFrom, service, networkName, identity }: LeaseUser,
): LeaseEntry {
  const { mac, address, isIpv6Only, ipv6, gateway, state, renewal, lost, conflict } = status;
  const terms = isIpv6Only === true ? ipv6?.lease : status.lease;
  const { server, renewsAt, rebindsAt, expiresAt } = termsOf(terms);
  return {
    network,
    segment,
    holder,
    endpoint,
    mac,
    isIpv6Only,
    address,
    ipv6,
    gateway,
    state,
    server,
    renewsAt,
    rebindsAt,
    expiresAt,
    renewal,
    lost,
    conflict,
    heldSince: undefined,
    name,
    nameFrom,
    service,
    networkName,
    identity,
  };
}

function heldEntry(
  { id, scopeId, mac, family, lease, ipv6: stored6, heldAt }: HeldRecord,
  scope: LeaseScope | undefined,
  clock: Times,
): LeaseEntry {
  const times = lease && readableTimes(lease, clock);
  const ipv6 = stored6 && ipv6Status(stored6, clock);
  const terms = lease &&
    times && {
      server: lease.serverId,
      renewsAt: timeText(times.t1At),
      rebindsAt: timeText(times.t2At),
      expiresAt: timeText(times.expiresAt),
    };
  return {
    network: scope?.isForeign === true ? `pool ${scopeId}` : scopeId,
    segment: scope?.segment ?? 'unknown',
    ...{ holder: 'nobody', endpoint: id, mac, isIpv6Only: family === 6 || undefined, ipv6 },
    ...{ gateway: lease?.gateway, state: 'held' },
    address: lease && `${lease.address}/${lease.prefixLength}`,
    ...termsOf(terms ?? ipv6?.lease),
    ...{ renewal: undefined, lost: undefined, conflict: undefined },
    heldSince: timeText(clock.wall() - elapsedSince(heldAt, clock)),
  };
}

type Terms = Pick<LeaseEntry, 'server' | 'renewsAt' | 'rebindsAt' | 'expiresAt'>;

/** @param lease of the family that counts: IPv4, where there is one. */
function termsOf(lease: Partial<Terms> | undefined): Terms {
  const { server, renewsAt, rebindsAt, expiresAt } = lease ?? {};
  return { server, renewsAt, rebindsAt, expiresAt };
}
