/** What is the case at the moment when Prometheus asks: leases, renewals, conflicts, networks. */
import { Gauge, type Registry } from 'prom-client';
import type { LeaseEntry } from '../state/status/lease-list.ts';
import type { NetworkStatus } from '../state/status/status.ts';
import type { WallTime } from '../vocabulary/time.ts';

/** Docker shows 12 digits of an id. */
const SHORT_ID = 12;

type Place = 'network' | 'segment';

export class LeaseMetrics {
  readonly #leases: Gauge<Place | 'state'>;
  readonly #unanswered: Gauge<Place>;
  readonly #conflicts: Gauge<Place>;
  readonly #networks: Gauge<Place | 'name' | 'mode'>;

  constructor(registry: Registry) {
    const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
      new Gauge({ name, help, labelNames, registers: [registry] });
    const place = ['network', 'segment'] as const;
    this.#leases = gauge(
      'vlandhcp_leases',
      'Containers, hosts and held leases, by the state of their lease',
      ...place,
      'state',
    );
    this.#unanswered = gauge(
      'vlandhcp_renewal_unanswered_seconds',
      'For how long the oldest renewal waits for an answer; 0 if none waits',
      ...place,
    );
    this.#conflicts = gauge(
      'vlandhcp_leases_in_conflict',
      'Leased addresses that another host uses, too',
      ...place,
    );
    this.#networks = gauge(
      'vlandhcp_network_info',
      'The networks, with their names if Docker has told them',
      ...place,
      ...(['name', 'mode'] as const),
    );
  }

  take(networks: readonly NetworkStatus[], leases: readonly LeaseEntry[], now: WallTime): void {
    for (const gauge of [this.#leases, this.#unanswered, this.#conflicts, this.#networks]) {
      gauge.reset();
    }
    for (const { network, segment, name = '', mode = 'other driver' } of networks) {
      const place = placeOf({ network, segment });
      this.#networks.set({ ...place, name, mode }, 1);
      this.#leases.set({ ...place, state: 'leased' }, 0);
      this.#unanswered.set(place, 0);
      this.#conflicts.set(place, 0);
    }
    const oldest = new Map<string, number>();
    for (const lease of leases) {
      const place = placeOf(lease);
      this.#leases.inc({ ...place, state: lease.state });
      if (lease.conflict !== undefined) this.#conflicts.inc(place);
      if (lease.renewal === undefined) continue;
      const age = Math.max(0, (now - Date.parse(lease.renewal.since)) / 1000);
      const key = `${place.network} ${place.segment}`;
      if (!(age > (oldest.get(key) ?? 0))) continue;
      oldest.set(key, age);
      this.#unanswered.set(place, age);
    }
  }
}

/** @param network a NetworkID, or `pool` and the id of a pool, which is short. */
function placeOf({ network, segment }: Record<Place, string>): Record<Place, string> {
  const isId = /^[0-9a-f]{64}$/.test(network);
  return { network: isId ? network.slice(0, SHORT_ID) : network, segment };
}
