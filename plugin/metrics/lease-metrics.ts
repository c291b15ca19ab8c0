/** What is the case at the moment when Prometheus asks: leases, renewals, conflicts, networks. */
import { Gauge, type Registry } from 'prom-client';
import type { NetworkEntry } from '../state/status/network-list.ts';
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

  take(networks: readonly NetworkEntry[], now: WallTime): void {
    for (const gauge of [this.#leases, this.#unanswered, this.#conflicts, this.#networks]) {
      gauge.reset();
    }
    for (const one of networks) {
      const { name = '', mode = 'other driver', waitingSince } = one;
      const place = placeOf(one);
      this.#networks.set({ ...place, name, mode }, 1);
      for (const [state, count] of Object.entries({ leased: 0, ...one.leases })) {
        this.#leases.set({ ...place, state }, count);
      }
      this.#conflicts.set(place, one.conflicts);
      const age = waitingSince === undefined ? 0 : (now - Date.parse(waitingSince)) / 1000;
      this.#unanswered.set(place, age > 0 ? age : 0);
    }
  }
}

/** @param network a NetworkID, or `pool` and the id of a pool, which is short. */
function placeOf({ network, segment }: Record<Place, string>): Record<Place, string> {
  const isId = /^[0-9a-f]{64}$/.test(network);
  return { network: isId ? network.slice(0, SHORT_ID) : network, segment };
}
