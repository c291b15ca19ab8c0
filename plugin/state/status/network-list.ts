/**
 * The networks of this host, for operators: with how many leases are in which state, or with all of
 * their leases. Who needs numbers only, as metrics do, must not pay for a row of each lease: there
 * are thousands.
 */
import { momentOf, type Times } from '../../clock.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import { isForeign } from '../pool-records.ts';
import type { Registry } from '../registry.ts';
import type { LeaseEntry } from './lease-list.ts';
import { addressState, endpointState, hostState, renewalOf, type Renewal } from './lease-state.ts';
import {
  networkFacts,
  networkStatus,
  poolFacts,
  poolStatus,
  type NetworkFacts,
  type NetworkStatus,
  type SegmentsSeen,
} from './status.ts';
import { timeText } from './time-text.ts';

type Records = Pick<
  Registry,
  'networks' | 'pools' | 'endpoints' | 'addresses' | 'held' | 'findHostLease'
>;

export interface NetworkEntry extends NetworkFacts {
  /** How many leases are in which state. */
  readonly leases: Readonly<Record<string, number>>;
  /** How many leased addresses another host uses, too. */
  readonly conflicts: number;
  /** Since when the oldest renewal waits for an answer (ISO). Undefined if none waits. */
  readonly waitingSince: string | undefined;
}

class Count {
  readonly leases: Record<string, number> = {};
  conflicts = 0;
  #since: WallTime = Infinity;

  add(state: LeaseEntry['state'], renewal?: Renewal, isContested = false): void {
    this.leases[state] = (this.leases[state] ?? 0) + 1;
    if (isContested) this.conflicts += 1;
    if (renewal !== undefined && renewal.since < this.#since) this.#since = renewal.since;
  }

  get waitingSince(): string | undefined {
    return this.#since === Infinity ? undefined : timeText(this.#since);
  }
}

/** A held lease whose network could not be read is of none of them. */
export function networkList(
  records: Records,
  clock: Times,
  seen: SegmentsSeen | undefined,
): NetworkEntry[] {
  const moment = momentOf(clock);
  const counts = new Map<string, Count>();
  const countOf = (scopeId: string): Count => {
    const count = counts.get(scopeId) ?? new Count();
    counts.set(scopeId, count);
    return count;
  };
  const isContested = (leaseId: string) => seen?.claimsOn(leaseId) !== undefined;
  for (const record of records.endpoints()) {
    const renewal = renewalOf(record.lease, moment);
    const state = endpointState(record, renewal);
    countOf(record.networkId).add(state, renewal, isContested(record.leaseId));
  }
  for (const record of records.addresses()) {
    if (!isForeign(record)) continue;
    const renewal = renewalOf(record.lease, moment);
    countOf(record.scopeId).add(addressState(record, renewal), renewal);
  }
  for (const { scopeId } of records.held()) countOf(scopeId).add('held');
  for (const { id } of records.networks()) {
    const host = records.findHostLease(id);
    if (host === undefined) continue;
    const renewal = renewalOf(host.lease, moment);
    countOf(id).add(hostState(host, renewal), renewal, isContested(host.id));
  }
  const entry = (facts: NetworkFacts, { leases, conflicts, waitingSince }: Count) => ({
    ...facts,
    ...{ leases, conflicts, waitingSince },
  });
  return [
    ...records.networks().map((one) => entry(networkFacts(one, moment, seen), countOf(one.id))),
    ...records.pools().flatMap((pool) => {
      const [facts, count] = [poolFacts(pool), counts.get(pool.id)];
      return facts === undefined || count === undefined ? [] : [entry(facts, count)];
    }),
  ];
}

/** All networks and endpoints as they are now, and the leases of other drivers' containers. */
export function allStatus(
  records: Records,
  clock: Times,
  seen: SegmentsSeen | undefined,
): NetworkStatus[] {
  const moment = momentOf(clock);
  const endpoints = groups(records.endpoints(), ({ networkId }) => networkId);
  const addresses = groups(records.addresses().filter(isForeign), ({ poolId }) => poolId);
  const networks = records.networks().map((network) => {
    const hostLease = records.findHostLease(network.id);
    const own = { endpoints: endpoints.get(network.id) ?? [], hostLease };
    return networkStatus(network, own, moment, seen);
  });
  const pools = records
    .pools()
    .flatMap((pool) => poolStatus(pool, addresses.get(pool.id) ?? [], moment) ?? []);
  return [...networks, ...pools];
}

function groups<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const found = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = found.get(key);
    if (group === undefined) found.set(key, [item]);
    else group.push(item);
  }
  return found;
}
