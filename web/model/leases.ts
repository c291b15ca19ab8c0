/** Leases as rows of the page: what each is called, which come first, and which are found. */
import { healthOf, stateText, type Health } from '../../cli/views/lease-rows.ts';
import { timeLeft } from '../../cli/views/times.ts';
import type { LeaseEntry as Lease } from '../../plugin/state/status/lease-list.ts';

export type { Lease };

export interface Row {
  /** The same for the same lease, however often it is asked for. */
  readonly key: string;
  readonly lease: Lease;
  readonly health: Health;
  readonly name: string;
  /** Docker's name of the network, or its VLAN. */
  readonly network: string;
  readonly address: string;
  readonly state: string;
  readonly left: string;
}

export const SORT_KEYS = [
  'name',
  'network',
  'address',
  'mac',
  'state',
  'expires',
  'server',
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Order {
  readonly by: SortKey;
  readonly isDown: boolean;
}

export function rowOf(lease: Lease, now: number): Row {
  const { network, endpoint, mac } = lease;
  return {
    key: `${network} ${endpoint} ${mac}`,
    lease,
    health: healthOf(lease),
    name: nameOf(lease),
    network: lease.networkName ?? lease.segment,
    address: addressOf(lease),
    state: stateText(lease, now),
    left: timeLeft(lease.expiresAt, now),
  };
}

export function nameOf({ name, holder, endpoint }: Lease): string {
  if (holder === 'host') return 'the host';
  return name ?? endpoint.slice(0, 12);
}

function addressOf({ address, ipv6, isIpv6Only }: Lease): string {
  const shown = isIpv6Only === true ? ipv6?.address : address;
  return shown ?? 'none';
}

/** What is lost comes first, and held leases come last, in each order. */
const RANK: Readonly<Record<Health, number>> = { lost: 0, waiting: 1, leased: 1, held: 2 };
const collator = new Intl.Collator('en', { numeric: true });

export function sorted(rows: readonly Row[], { by, isDown }: Order): Row[] {
  const direction = isDown ? -1 : 1;
  return rows.toSorted(
    (one, other) =>
      RANK[one.health] - RANK[other.health] ||
      direction * collator.compare(textOf(one, by), textOf(other, by)) ||
      collator.compare(one.name, other.name) ||
      collator.compare(one.key, other.key),
  );
}

function textOf({ lease, name, network, address, state }: Row, by: SortKey): string {
  switch (by) {
    case 'name':
      return name;
    case 'network':
      return network;
    case 'address':
      return address;
    case 'mac':
      return lease.mac;
    case 'state':
      return state;
    case 'expires':
      return lease.expiresAt ?? '';
    case 'server':
      return lease.server ?? '';
  }
}

/**
 * The rows in which each word occurs. A MAC is found however its digits are grouped.
 * @param network the NetworkID that alone is shown. Undefined: all are.
 */
export function found(rows: readonly Row[], query: string, network: string | undefined): Row[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(({ lease, name, state }) => {
    if (network !== undefined && lease.network !== network) return false;
    if (words.length === 0) return true;
    const { service, address, ipv6, mac, segment, networkName, server, endpoint } = lease;
    const texts = [name, service, address, ipv6?.address, mac, segment, networkName, server, state];
    const text = texts.join('\n').toLowerCase();
    const digits = mac.replaceAll(':', '');
    return words.every((word) => {
      const bare = word.replace(/[:.-]/g, '');
      const isOfMac = /^[0-9a-f]{6,12}$/.test(bare) && digits.includes(bare);
      return text.includes(word) || isOfMac || (word.length >= 4 && endpoint.startsWith(word));
    });
  });
}

/** The new leases, but the object of before for each that did not change: it is not drawn again. */
export function keepSame(before: readonly Lease[], now: readonly Lease[]): readonly Lease[] {
  const known = new Map(before.map((lease) => [JSON.stringify(lease), lease]));
  return now.map((lease) => known.get(JSON.stringify(lease)) ?? lease);
}
