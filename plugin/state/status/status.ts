/** Shows the present leases to operators. Docker still shows the address of a container's start. */
import type { Clock } from '../../clock.ts';
import { isForeign, scopeOfPool, type PoolRecord } from '../pool-records.ts';
import type { RouterSeen } from '../../leasing/ipv6/ipv6-report.ts';
import type { AttachmentMode } from '../../vocabulary/attachment.ts';
import { attachmentOf } from '../attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from '../records.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { ipv6Status, routerStatus, type Ipv6Status, type RouterStatus } from './ipv6-status.ts';
import { optionsOf } from './lease-options.ts';
import { timeText } from './time-text.ts';
import { readableLease, type StoredLease } from '../stored-lease.ts';
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
  /** `pending`: the container does not have yet what its lease says. */
  readonly state:
    | 'leased'
    | Renewal['state']
    | 'pending'
    | 'no lease'
    | 'no lease, address kept'
    | 'no lease, link-local address';
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

interface Renewal {
  readonly state: 'renewing' | 'rebinding';
  readonly since: number;
  readonly until: number;
}

/** A living server and a restarted client answer within this time. */
const ANSWERED_WITHIN: Ms = 10_000;

export interface HostStatus extends Pick<
  EndpointStatus,
  'mac' | 'address' | 'lease' | 'renewal' | 'lost' | 'conflict'
> {
  readonly link: string;
  /** `lease not used`: the host has a route to that subnet already. The log says more. */
  readonly state: EndpointStatus['state'] | 'lease not used';
}

export interface NetworkStatus {
  /** As Docker's API told it. Undefined if it is not known. */
  readonly name?: string | undefined;
  /** NetworkID. For another driver's network: `pool` and the id of the pool. */
  readonly network: string;
  readonly segment: string;
  /** How containers are joined to the segment. Undefined for another driver's network. */
  readonly mode: AttachmentMode | undefined;
  /** The MTU of new containers' links. Undefined for another driver's network. */
  readonly mtu: number | undefined;
  /** The bridge. Where there is none: the link of the host over which leases can be kept. */
  readonly bridge: string;
  readonly endpoints: readonly EndpointStatus[];
  /** The IPv6 routers of the segment. Undefined without IPv6. */
  readonly routers?: readonly RouterStatus[] | undefined;
  /** The host's own link to the containers. Undefined unless `host_access=true`. */
  readonly host?: HostStatus | undefined;
}

export function networkStatus(
  network: NetworkRecord,
  {
    endpoints,
    hostLease,
  }: { endpoints: readonly EndpointRecord[]; hostLease?: HostRecord | undefined },
  clock: Clock,
  claims?: SegmentsSeen,
): NetworkStatus {
  const { id, options } = network;
  const bridge = attachmentOf(network).speaker(network);
  const routers = options.ipv6 === undefined ? undefined : claims?.routersOn(bridge);
  return {
    network: id,
    segment: segmentOf(options),
    mode: options.mode,
    mtu: network.mtu,
    bridge,
    ...(routers && { routers: routers.map((router) => routerStatus(router, clock)) }),
    endpoints: endpoints
      .filter((e) => e.networkId === id)
      .map((endpoint) => endpointStatus(endpoint, clock, claims)),
    ...(hostLease && { host: hostStatus(hostLease, clock, claims) }),
  };
}

/** The status of another driver's network. Its containers have what Docker was told. */
export function poolStatus(
  pool: PoolRecord,
  addresses: readonly AddressRecord[],
  clock: Clock,
): NetworkStatus | undefined {
  const scope = scopeOfPool(pool);
  const theirs = addresses.filter((address) => address.poolId === pool.id && isForeign(address));
  if (scope === undefined || theirs.length === 0) return undefined;
  const { prefixLength } = pool.subnet;
  return {
    network: `pool ${pool.id}`,
    segment: scope.segment,
    mode: undefined,
    mtu: undefined,
    bridge: scope.link,
    endpoints: theirs.map((record) => ({
      endpoint: record.id,
      mac: record.mac,
      address: `${record.address}/${prefixLength}`,
      gateway: pool.gateway.address,
      state:
        record.lease === undefined
          ? 'no lease, address kept'
          : (renewalOf(record.lease, clock)?.state ?? 'leased'),
      ...leaseStatus(record, clock),
      ...(record.ipv6 && { ipv6: ipv6Status(record.ipv6, clock) }),
      conflict: undefined,
      sandbox: undefined,
    })),
  };
}

export function endpointStatus(
  record: EndpointRecord,
  clock: Clock,
  claims?: SegmentsSeen,
): EndpointStatus {
  const { configured } = record.terms;
  return {
    endpoint: record.id,
    mac: record.mac,
    address: configured && `${configured.address}/${configured.prefixLength}`,
    gateway: configured?.gateway,
    ...(record.family === 6 && { isIpv6Only: true }),
    ...(record.ipv6 && { ipv6: ipv6Status(record.ipv6, clock) }),
    state: stateOf(record, clock),
    ...leaseStatus(record, clock),
    conflict: conflictOn(record.leaseId, claims),
    sandbox: record.sandboxKey,
  };
}

function hostStatus(record: HostRecord, clock: Clock, claims?: SegmentsSeen): HostStatus {
  const { link, address } = record.holder;
  return {
    ...{ link, mac: record.mac },
    address: address && `${address.address}/${address.prefixLength}`,
    state: hostState(record, clock),
    ...leaseStatus(record, clock),
    conflict: conflictOn(record.id, claims),
  };
}

function hostState({ lease, holder }: HostRecord, clock: Clock): HostStatus['state'] {
  if (lease === undefined) return holder.address ? 'no lease, address kept' : 'no lease';
  if (holder.address === undefined) return 'lease not used';
  return renewalOf(lease, clock)?.state ?? 'leased';
}

function conflictOn(id: string, claims: SegmentsSeen | undefined): EndpointStatus['conflict'] {
  const seen = claims?.claimsOn(id);
  if (seen === undefined) return undefined;
  const { by = 'unknown', since, lastAt, count, defences } = seen;
  return { by, since: timeText(since), lastAt: timeText(lastAt), heard: count, defences };
}

function leaseStatus(
  { lease: stored, lost }: Pick<EndpointRecord, 'lease' | 'lost'>,
  clock: Clock,
): Pick<EndpointStatus, 'lease' | 'lost' | 'renewal'> {
  const lease = stored && readableLease(stored, clock);
  const renewal = stored && renewalOf(stored, clock);
  return {
    lease: lease && {
      address: `${lease.address}/${lease.prefixLength}`,
      server: lease.serverId,
      renewsAt: timeText(lease.t1At),
      rebindsAt: timeText(lease.t2At),
      expiresAt: timeText(lease.expiresAt),
      dnsServers: lease.dnsServers,
      domainSearch: domainsOf(lease),
      options: optionsOf(lease),
    },
    renewal: renewal && { since: timeText(renewal.since), until: timeText(renewal.until) },
    lost: lost && { at: timeText(lost.at), cause: lost.cause },
  };
}

/** The status of an endpoint as flat text, in the form of EndpointOperInfo. */
export function endpointInfo(
  record: EndpointRecord,
  clock: Clock,
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

/** A lease whose T1 has passed waits for renewal. An answer would have brought other times. */
function renewalOf(stored: StoredLease, clock: Clock): Renewal | undefined {
  const { t1At, t2At, expiresAt, requestedAt } = readableLease(stored, clock);
  const now = clock.wall();
  const patience = Math.min(ANSWERED_WITHIN, (expiresAt - requestedAt) / 16);
  if (now >= t2At) return { state: 'rebinding', since: t2At, until: expiresAt };
  return now >= t1At + patience ? { state: 'renewing', since: t1At, until: t2At } : undefined;
}

function stateOf(record: EndpointRecord, clock: Clock): EndpointStatus['state'] {
  const { family, ipv6, lease, lost, terms } = record;
  if (family === 6) {
    if (ipv6?.address === undefined && ipv6?.configured === undefined) return 'no lease';
    return ipv6.address?.address === ipv6.configured?.address ? 'leased' : 'pending';
  }
  if (lease === undefined) {
    if (terms.configured === undefined) return 'no lease';
    if (lost?.isAddressKept === true) return 'no lease, address kept';
    const isLinkLocal = terms.configured.address === lost?.linkLocal;
    return isLinkLocal ? 'no lease, link-local address' : 'pending';
  }
  if (lease.address !== terms.configured?.address) return 'pending';
  return renewalOf(lease, clock)?.state ?? 'leased';
}

/** Where the server sends both, the domain name is mostly in the list, too. */
function domainsOf({ domainName, domainSearch }: StoredLease): readonly string[] {
  return [...new Set([...(domainName === undefined ? [] : [domainName]), ...domainSearch])];
}
