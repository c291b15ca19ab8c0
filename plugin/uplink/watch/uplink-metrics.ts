/**
 * Metrics of the uplinks of this host. Each uplink has some 30 series, and a host has one uplink or
 * two.
 */
import type { NftCounters } from '../kernel/nft-counters.ts';
import type { UplinkStatus } from '../uplink-status.ts';
import { MetricsSet, setCounter, setOneOf } from './metrics-set.ts';
import type { MetricsText, ServiceTelling } from './service-telling.ts';
import type { JoinProblem, UplinkEvent, Way } from './uplink-events.ts';

const STATES: readonly UplinkStatus['state'][] = ['joining', 'up', 'held', 'silent', 'revoked'];
const WAYS: readonly Way[] = ['udp', 'tls', 'ssh'];
const PROBLEMS: readonly JoinProblem[] = ['silent', 'refused', 'unable', 'links', 'revoked'];
/** Counters of the rules that drop (kernel/member-guards.ts). */
const DROPS = ['outside', 'refused', 'routed', 'pieces'];

export interface UplinkMetricsDeps {
  readonly telling: Pick<ServiceTelling<UplinkEvent>, 'count' | 'log'>;
  readonly status: () => Promise<readonly UplinkStatus[]>;
  readonly isCarrierUp: (device: string) => boolean;
  /** Of the rules of that uplink. */
  readonly counters: (device: string) => Promise<NftCounters>;
  readonly version: string;
}

export function uplinkMetrics(deps: UplinkMetricsDeps): MetricsText {
  const { telling, version } = deps;
  const set = new MetricsSet();
  const begin = countEvents(set, telling);
  const take = statusGauges(set, deps.isCarrierUp);
  const look = async (): Promise<void> => {
    const all = await deps.status();
    const drops = await Promise.all(all.map(({ device }) => deps.counters(device)));
    for (const { device } of all) begin(device);
    take(all, drops);
  };
  const onFailure = (err: unknown): void => telling.log.debug({ err }, 'metrics not complete');
  return set.text({ version, whose: 'service of the uplink', look, onFailure });
}

function name(rest: string): string {
  return `vlandhcp_uplink_${rest}`;
}

/** What happens. @returns a function that begins the series of an uplink. */
function countEvents(
  set: MetricsSet,
  telling: Pick<UplinkMetricsDeps['telling'], 'count'>,
): (uplink: string) => void {
  const joins = set.counter(name('joins_total'), 'Joins that came to their end');
  const failures = set.counter(
    name('join_failures_total'),
    'Joins that failed: the hub was silent, refused or was unable, or links could not be made',
    'reason',
  );
  for (const reason of PROBLEMS) failures.inc({ reason }, 0);
  const silences = set.counter(name('silences_total'), 'How often the hub was silent', 'uplink');
  const changes = set.counter(
    name('way_changes_total'),
    'How often the uplink came to speak by this way',
    ...(['uplink', 'way'] as const),
  );
  const repairs = set.counter(
    name('link_repairs_total'),
    'How often links were made again that somebody had removed',
    'uplink',
  );
  const trouble = set.trouble(name('trouble_total'));
  /** Series begin with 0: Prometheus does not see the growth of one that begins with 1. */
  const begun = new Set<string>();
  const begin = (uplink: string): void => {
    if (begun.has(uplink)) return;
    begun.add(uplink);
    for (const counter of [silences, repairs]) counter.inc({ uplink }, 0);
    for (const way of WAYS) changes.inc({ uplink, way }, 0);
  };
  telling.count((event) => {
    switch (event.type) {
      case 'uplink.joined':
        return joins.inc();
      case 'uplink.join-failed':
        return failures.inc({ reason: event.reason });
      case 'uplink.silent':
        begin(event.uplink);
        return silences.inc({ uplink: event.uplink });
      case 'way.changed':
        begin(event.uplink);
        return changes.inc({ uplink: event.uplink, way: event.way });
      case 'links.repaired':
        begin(event.uplink);
        return repairs.inc({ uplink: event.uplink });
      case 'trouble':
        return trouble.inc({ level: event.level });
      case 'uplink.approved':
      case 'uplink.back':
      case 'uplink.revoked':
      case 'uplink.left':
      case 'carrier.up':
      case 'carrier.down':
      case 'vlans.changed':
      case 'key.changed':
      case 'management.on':
      case 'management.off':
      case 'service.started':
      case 'service.stopped':
    }
  });
  return begin;
}

/** What is the case. @returns a function that takes it over. */
function statusGauges(
  set: MetricsSet,
  isCarrierUp: UplinkMetricsDeps['isCarrierUp'],
): (all: readonly UplinkStatus[], drops: readonly NftCounters[]) => void {
  const state = set.gauge(
    name('state'),
    'The state of the uplink: 1 for that of now, 0 for the others',
    ...(['uplink', 'state'] as const),
  );
  const carrier = set.gauge(name('carrier'), '1 if the trunk has its carrier', 'uplink');
  const way = set.gauge(
    name('way'),
    'By which way the uplink speaks: 1 for that of now, 0 for the others',
    ...(['uplink', 'way'] as const),
  );
  const info = set.gauge(
    name('info'),
    'The uplinks: the site, the name of this host there, and whose WireGuard it is',
    ...(['uplink', 'site', 'name', 'wireguard'] as const),
  );
  const wordAge = set.gauge(
    name('last_word_age_seconds'),
    'Time since the hub was heard last',
    'uplink',
  );
  const handshake = set.gauge(
    name('last_handshake_timestamp_seconds'),
    'When WireGuard last agreed on new keys with the hub',
    'uplink',
  );
  const roundTrip = set.gauge(
    name('round_trip_seconds'),
    'How long a word to the hub and back took',
    'uplink',
  );
  const pathMtu = set.gauge(
    name('path_mtu_bytes'),
    'The largest packet that passes the tunnel',
    'uplink',
  );
  const vlans = set.gauge(name('vlans'), 'How many VLANs the trunk carries', 'uplink');
  const received = set.counter(
    name('receive_bytes_total'),
    'Bytes that WireGuard has received from the hub',
    'uplink',
  );
  const sent = set.counter(
    name('transmit_bytes_total'),
    'Bytes that WireGuard has sent to the hub',
    'uplink',
  );
  const dropped = set.counter(
    name('dropped_packets_total'),
    'Packets that a rule of the uplink has dropped',
    ...(['uplink', 'rule'] as const),
  );
  return (all, drops) => {
    for (const one of all) {
      const uplink = one.device;
      const known = <Name extends typeof wordAge>(gauge: Name, value: number | undefined) =>
        value !== undefined && gauge.set({ uplink }, value);
      setOneOf(state, STATES, one.state, (word) => ({ uplink, state: word }));
      setOneOf(way, WAYS, one.way, (word) => ({ uplink, way: word }));
      carrier.set({ uplink }, isCarrierUp(uplink) ? 1 : 0);
      const wireguard = one.tunnel?.kind ?? 'none';
      info.set({ uplink, site: one.site, name: one.name ?? '', wireguard }, 1);
      known(wordAge, seconds(one.silentMs));
      known(roundTrip, seconds(one.roundTripMs));
      known(handshake, seconds(one.tunnel?.handshakeAt));
      known(pathMtu, one.pathMtu);
      vlans.set({ uplink }, one.vlans.length);
    }
    const bytes = (of: 'rxBytes' | 'txBytes') =>
      all.map(({ device, tunnel }) => [{ uplink: device }, tunnel?.[of] ?? 0] as const);
    setCounter(received, bytes('rxBytes'));
    setCounter(sent, bytes('txBytes'));
    setCounter(
      dropped,
      all.flatMap(({ device: uplink }, at) =>
        DROPS.map((rule) => [{ uplink, rule }, drops[at]?.get(rule) ?? 0] as const),
      ),
    );
  };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
