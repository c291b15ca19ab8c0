/** Shows the present leases to operators. Docker still shows the address of a container's start. */
import type { Times } from '../../clock.ts';
import { scopeOfPool, type PoolRecord } from '../pool-records.ts';
import type { RouterSeen } from '../../leasing/ipv6/ipv6-report.ts';
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import { attachmentOf } from '../attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../records.ts';
import { ipv6Status, routerStatus, type Ipv6Status, type RouterStatus } from './ipv6-status.ts';
import { optionsOf } from './lease-options.ts';
import {
  addressState,
  endpointState,
  hostState,
  renewalOf,
  type HostLeaseState,
  type LeaseState,
  type Renewal,
} from './lease-state.ts';
import { timeText } from './time-text.ts';
import { readableTimes, type StoredLease } from '../stored-lease.ts';
import type { AddressRecord, EndpointRecord, HostRecord } from '../lease-records.ts';

/** What the lease service has heard on the segments. */
export interface SegmentsSeen {
  routersOn(link: string): readonly RouterSeen[];
  /** Who else uses a container's address. */
  claimsOn(leaseId: string):
    | {
        readonly by: string | undefined;
        readonly since: number;
        readonly lastAt: number;
        readonly count: number;
        readonly defences: number;
      }
    | undefined;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly mac: string;
  /** The present address of the container's link, with its prefix length. */
  readonly address: string | undefined;
  readonly gateway: string | undefined;
  /** True on a network with `ipv4=off`. If undefined: false. */
  readonly isIpv6Only?: boolean | undefined;
  /** Undefined without IPv6. */
  readonly ipv6?: Ipv6Status | undefined;
  readonly state: LeaseState;
  readonly lease:
    | {
        readonly address: string;
        readonly server: string;
        /** ISO times, or `infinite`. */
        readonly renewsAt: string;
        readonly rebindsAt: string;
        readonly expiresAt: string;
        readonly dnsServers: readonly string[];
        /** The domain name of the lease (option 15), then its search list (option 119). */
        readonly domainSearch: readonly string[];
        /** What else the server sent, by the names of the options: applied or only shown. */
        readonly options: Readonly<Record<string, string>>;
      }
    | undefined;
  /**
   * The times between which the lease waits to be renewed in this way. Then other servers are
   * asked, or the lease ends.
   */
  readonly renewal: { readonly since: string; readonly until: string } | undefined;
  /** Since when there is no lease, and why. */
  readonly lost: { readonly at: string; readonly cause: string } | undefined;
  /**
   * Another host uses the address, too: its MAC, ISO times, the least number of frames heard, and
   * our announcements against them.
   */
  readonly conflict:
    | {
        readonly by: string;
        readonly since: string;
        readonly lastAt: string;
        readonly heard: number;
        readonly defences: number;
      }
    | undefined;
  readonly sandbox: string | undefined;
}

export interface HostStatus extends Pick<
  EndpointStatus,
  'mac' | 'address' | 'lease' | 'renewal' | 'lost' | 'conflict'
> {
  readonly link: string;
  readonly state: HostLeaseState;
}

/** What is to be said of a network beside its leases. */
export interface NetworkFacts {
  /** As Docker's API told it. Undefined if it is not known. */
  readonly name?: string | undefined;
  /** NetworkID. For another driver's network: `pool` and the id of the pool. */
  readonly network: string;
  readonly segment: string;
  /** The families of addresses that its containers ask for. */
  readonly families: readonly (4 | 6)[];
  /** How containers are joined to the segment. Undefined for another driver's network. */
  readonly mode: AttachmentMode | undefined;
  /** The MTU of new containers' links. Undefined for another driver's network. */
  readonly mtu: number | undefined;
  /** The bridge. Where there is none: the link of the host over which leases can be kept. */
  readonly bridge: string;
  /** The IPv6 routers of the segment. Undefined without IPv6. */
  readonly routers?: readonly RouterStatus[] | undefined;
}

export interface NetworkStatus extends NetworkFacts {
  readonly endpoints: readonly EndpointStatus[];
  /** The host's own link to the containers. Undefined unless `host_access=true`. */
  readonly host?: HostStatus | undefined;
}

export function networkFacts(
  network: NetworkRecord,
  clock: Times,
  claims?: SegmentsSeen,
): NetworkFacts {
  const { id, options } = network;
  const bridge = attachmentOf(network).speaker(network);
  const routers = options.ipv6 === undefined ? undefined : claims?.routersOn(bridge);
  return {
    network: id,
    segment: segmentOf(options),
    families: [...(options.ipv4 ? [4 as const] : []), ...(options.ipv6 ? [6 as const] : [])],
    mode: options.mode,
    mtu: network.mtu,
    bridge,
    ...(routers && { routers: routers.map((router) => routerStatus(router, clock)) }),
  };
}

/** @param endpoints of that network. */
export function networkStatus(
  network: NetworkRecord,
  {
    endpoints,
    hostLease,
  }: { endpoints: readonly EndpointRecord[]; hostLease?: HostRecord | undefined },
  clock: Times,
  claims?: SegmentsSeen,
): NetworkStatus {
  return {
    ...networkFacts(network, clock, claims),
    endpoints: endpoints.map((endpoint) => endpointStatus(endpoint, clock, claims)),
    ...(hostLease && { host: hostStatus(hostLease, clock, claims) }),
  };
}

/** The network of another driver. Undefined while nothing is known of its segment. */
export function poolFacts(pool: PoolRecord): NetworkFacts | undefined {
  const scope = scopeOfPool(pool);
  return (
    scope && {
      network: `pool ${pool.id}`,
      segment: scope.segment,
      families: [4],
      mode: undefined,
      mtu: undefined,
      bridge: scope.link,
    }
  );
}

/**
 * The status of another driver's network. Its containers have what Docker was told.
 * @param addresses of that network.
 */
export function poolStatus(
  pool: PoolRecord,
  addresses: readonly AddressRecord[],
  clock: Times,
): NetworkStatus | undefined {
  const facts = poolFacts(pool);
  if (facts === undefined || addresses.length === 0) return undefined;
  return { ...facts, endpoints: addresses.map((one) => addressStatus(one, pool, clock)) };
}

function addressStatus(
  record: AddressRecord,
  { subnet, gateway }: PoolRecord,
  clock: Times,
): EndpointStatus {
  const renewal = renewalOf(record.lease, clock);
  return {
    endpoint: record.id,
    mac: record.mac,
    address: `${record.address}/${subnet.prefixLength}`,
    gateway: gateway.address,
    ipv6: record.ipv6 && ipv6Status(record.ipv6, clock),
    state: addressState(record, renewal),
    lease: record.lease && termsStatus(record.lease, clock),
    renewal: renewalStatus(renewal),
    lost: lossStatus(record),
    conflict: undefined,
    sandbox: undefined,
  };
}

export function endpointStatus(
  record: EndpointRecord,
  clock: Times,
  claims?: SegmentsSeen,
): EndpointStatus {
  const { configured } = record.terms;
  const renewal = renewalOf(record.lease, clock);
  return {
    endpoint: record.id,
    mac: record.mac,
    address: configured && `${configured.address}/${configured.prefixLength}`,
    gateway: configured?.gateway,
    isIpv6Only: record.family === 6 || undefined,
    ipv6: record.ipv6 && ipv6Status(record.ipv6, clock),
    state: endpointState(record, renewal),
    lease: record.lease && termsStatus(record.lease, clock),
    renewal: renewalStatus(renewal),
    lost: lossStatus(record),
    conflict: conflictOn(record.leaseId, claims),
    sandbox: record.sandboxKey,
  };
}

function hostStatus(record: HostRecord, clock: Times, claims?: SegmentsSeen): HostStatus {
  const { link, address } = record.holder;
  const renewal = renewalOf(record.lease, clock);
  return {
    ...{ link, mac: record.mac },
    address: address && `${address.address}/${address.prefixLength}`,
    state: hostState(record, renewal),
    lease: record.lease && termsStatus(record.lease, clock),
    renewal: renewalStatus(renewal),
    lost: lossStatus(record),
    conflict: conflictOn(record.id, claims),
  };
}

function conflictOn(id: string, claims: SegmentsSeen | undefined): EndpointStatus['conflict'] {
  const seen = claims?.claimsOn(id);
  if (seen === undefined) return undefined;
  const { by = 'unknown', since, lastAt, count, defences } = seen;
  return { by, since: timeText(since), lastAt: timeText(lastAt), heard: count, defences };
}

function renewalStatus(renewal: Renewal | undefined): EndpointStatus['renewal'] {
  return renewal && { since: timeText(renewal.since), until: timeText(renewal.until) };
}

function lossStatus({ lost }: Pick<EndpointRecord, 'lost'>): EndpointStatus['lost'] {
  return lost && { at: timeText(lost.at), cause: lost.cause };
}

function termsStatus(lease: StoredLease, clock: Times): EndpointStatus['lease'] {
  const { t1At, t2At, expiresAt } = readableTimes(lease, clock);
  return {
    address: `${lease.address}/${lease.prefixLength}`,
    server: lease.serverId,
    renewsAt: timeText(t1At),
    rebindsAt: timeText(t2At),
    expiresAt: timeText(expiresAt),
    dnsServers: lease.dnsServers,
    domainSearch: domainsOf(lease),
    options: optionsOf(lease),
  };
}

/** The status of an endpoint as flat text, in the form of EndpointOperInfo. */
export function endpointInfo(
  record: EndpointRecord,
  clock: Times,
): Readonly<Record<string, string>> {
  const { address, lease, lost, ipv6 } = endpointStatus(record, clock);
  const alone = record.family === 6 ? ipv6?.lease : undefined;
  return {
    ...(record.family !== 6 && { 'vlandhcp.address': address ?? 'none' }),
    ...(ipv6 && { 'vlandhcp.ipv6': ipv6.address ?? 'none yet' }),
    ...(alone && { 'vlandhcp.server': alone.server, 'vlandhcp.expires': alone.expiresAt }),
    ...(lease && { 'vlandhcp.server': lease.server, 'vlandhcp.expires': lease.expiresAt }),
    ...(lost && { 'vlandhcp.lost': lost.at, 'vlandhcp.cause': lost.cause }),
  };
}

/** Where the server sends both, the domain name is mostly in the list, too. */
function domainsOf({ domainName, domainSearch }: StoredLease): readonly string[] {
  return [...new Set([...(domainName === undefined ? [] : [domainName]), ...domainSearch])];
}
