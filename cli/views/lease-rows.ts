/** Leases as lines of a table, with the names that people know. */
import type { LeaseEntry } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import type { Listing, Row } from './format.ts';
import { duration, timeLeft } from './times.ts';

export const LEASE_FIELDS = [
  ...['Network', 'Container', 'Service', 'Address', 'IPv6', 'MAC', 'State', 'ExpiresIn', 'Server'],
  ...['NetworkID', 'ContainerID', 'Endpoint', 'Segment', 'Gateway', 'Renews', 'Expires', 'Cause'],
];

/** How good the news is. */
export type Health = 'leased' | 'waiting' | 'lost' | 'held';

export function healthOf({ state }: Pick<LeaseEntry, 'state'>): Health {
  switch (state) {
    case 'leased':
      return 'leased';
    case 'held':
      return 'held';
    case 'renewing':
    case 'rebinding':
    case 'pending':
      return 'waiting';
    case 'no lease':
    case 'no lease, address kept':
    case 'no lease, link-local address':
    case 'lease not used':
      return 'lost';
  }
}

export interface Colors {
  red(text: string): string;
  yellow(text: string): string;
  dim(text: string): string;
}

/** What is lost comes first, then by network and name. Held leases come last. */
export function leaseListing(
  leases: readonly LeaseEntry[],
  names: Names,
  now: number,
  colors: Colors,
): Listing {
  const named = leases.map((lease) => ({ lease, row: leaseRow(lease, names, now) }));
  const rank = { lost: 0, waiting: 1, leased: 1, held: 2 };
  named.sort(
    (one, other) =>
      rank[healthOf(one.lease)] - rank[healthOf(other.lease)] ||
      compare(one.row, other.row, 'Network') ||
      compare(one.row, other.row, 'Container') ||
      compare(one.row, other.row, 'Address') ||
      compare(one.row, other.row, 'IPv6'),
  );
  const rows = named.map(({ row }) => row);
  const hasService = rows.some((row) => row['Service'] !== '');
  const hasIpv6 = rows.some((row) => row['IPv6'] !== '');
  const columns = LEASE_FIELDS.slice(0, 9).filter(
    (field) => (field !== 'Service' || hasService) && (field !== 'IPv6' || hasIpv6),
  );
  const health = new Map(named.map(({ lease, row }) => [row, healthOf(lease)]));
  return {
    ...{ rows, columns, fields: LEASE_FIELDS },
    json: named.map(({ lease, row }) => ({
      networkName: row['Network'],
      container: row['Container'] || undefined,
      containerId: row['ContainerID'] || undefined,
      service: row['Service'] || undefined,
      ...lease,
    })),
    paint: (cell, _field, row) => painted(cell, health.get(row), colors),
  };
}

function painted(cell: string, health: Health | undefined, colors: Colors): string {
  if (health === 'lost') return colors.red(cell);
  if (health === 'waiting') return colors.yellow(cell);
  return health === 'held' ? colors.dim(cell) : cell;
}

function compare(one: Row, other: Row, field: string): number {
  return (one[field] ?? '').localeCompare(other[field] ?? '', 'en', { numeric: true });
}

function leaseRow(lease: LeaseEntry, names: Names, now: number): Row {
  const container = lease.holder === 'container' ? names.container(lease) : undefined;
  const nobody = lease.holder === 'host' ? '(the host)' : '(gone)';
  return {
    Network: names.network(lease.network, lease),
    Container:
      lease.holder === 'container' ? (container?.name ?? lease.endpoint.slice(0, 12)) : nobody,
    Service: container?.service ?? lease.service ?? '',
    Address: lease.address ?? (lease.isIpv6Only === true ? '' : 'none'),
    IPv6: lease.ipv6 === undefined ? '' : (lease.ipv6.address ?? 'none'),
    MAC: lease.mac,
    State: stateText(lease, now),
    ExpiresIn: timeLeft(lease.expiresAt, now),
    Server: lease.server ?? '',
    NetworkID: lease.network,
    ContainerID: container?.id ?? '',
    Endpoint: lease.endpoint,
    Segment: lease.segment,
    Gateway: lease.gateway ?? '',
    Renews: lease.renewsAt ?? '',
    Expires: lease.expiresAt ?? '',
    Cause: lease.lost?.cause ?? '',
  };
}

/** A clear word, and since when where that matters. */
export function stateText({ state, lost, renewal, conflict }: LeaseEntry, now: number): string {
  const since = (iso: string) => `since ${duration(now - Date.parse(iso))}`;
  const text =
    lost === undefined
      ? renewal === undefined
        ? state
        : `${state} ${since(renewal.since)}`
      : `${state} (${lost.cause}) ${since(lost.at)}`;
  return conflict === undefined ? text : `${text}, claimed by ${conflict.by}`;
}

/** `200 leased, 3 renewing (server silent), 0 lost` in one line. */
export function summaryOf(leases: readonly LeaseEntry[]): string {
  const count = (health: Health) => leases.filter((lease) => healthOf(lease) === health).length;
  const parts = [
    `${count('leased')} leased`,
    `${count('waiting')} waiting`,
    `${count('lost')} lost`,
  ];
  return [...parts, ...(count('held') > 0 ? [`${count('held')} held`] : [])].join(', ');
}

export function isAnyLost(leases: readonly LeaseEntry[]): boolean {
  return leases.some((lease) => healthOf(lease) === 'lost');
}
