/**
 * Puts together what is watched of the uplinks of a host. The uplinks get a store and links that
 * tell, and know nothing of operators.
 */
import type { Clock } from '../../clock.ts';
import type { MemberLinks } from '../desired.ts';
import type { NftCounters } from '../kernel/nft-counters.ts';
import type { UplinkRecord, UplinkStore } from '../member/member-record.ts';
import type { UplinksDeps } from '../uplinks.ts';
import type { UplinkStatus } from '../uplink-status.ts';
import { CarrierWatch } from './carrier-watch.ts';
import { memberMoves } from './member-moves.ts';
import { watchedStore } from './record-changes.ts';
import type { MetricsText, ServiceTelling } from './service-telling.ts';
import type { UplinkEvent } from './uplink-events.ts';
import { uplinkMetrics } from './uplink-metrics.ts';

export interface ObservedDeps {
  readonly telling: ServiceTelling<UplinkEvent>;
  readonly clock: Clock;
  readonly store: UplinkStore;
  readonly links: MemberLinks;
  readonly records: readonly UplinkRecord[];
  readonly counters: (device: string) => Promise<NftCounters>;
  readonly version: string;
}

export interface Observed {
  /** What the uplinks get. */
  readonly deps: Pick<UplinksDeps, 'store' | 'links' | 'onMove'>;
  metrics(status: () => Promise<readonly UplinkStatus[]>): MetricsText;
}

export function observeUplinks(deps: ObservedDeps): Observed {
  const { telling, clock, records, counters, version } = deps;
  const { emit } = telling;
  /** By device. Bounded by the devices that joins have named. */
  const sites = new Map(records.map(({ device, hub }) => [device, hub.site]));
  const siteOf = (device: string): string => sites.get(device) ?? '';
  const carriers = new CarrierWatch({ clock, emit, history: telling.history, siteOf });
  const store = watchedStore(deps.store, records, emit);
  return {
    deps: {
      links: carriers.links(deps.links),
      onMove: memberMoves(emit, clock),
      store: {
        save(record) {
          sites.set(record.device, record.hub.site);
          return store.save(record);
        },
        remove: (device) => store.remove(device),
      },
    },
    metrics: (status) =>
      uplinkMetrics({
        ...{ telling, status, counters, version },
        isCarrierUp: (device) => carriers.isUp(device),
      }),
  };
}
