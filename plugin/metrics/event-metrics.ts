/** Counts what happens: leases, answers of servers, calls of Docker, errors. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CountedEvent, PluginEvent } from '../events/events.ts';
import type { WallTime } from '../vocabulary/time.ts';

/** From what a server of the same segment takes, to the limit of `lease_timeout`. */
const START_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25];
const ANSWER_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const CALL_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 28];

/** A hostile host could answer as another server each time. The oldest answer goes. */
const MOST_SERVERS = 256;
/** Docker's protocol has about twenty calls. A path that somebody made up is not one of them. */
const CALL = /^(Plugin|NetworkDriver|IpamDriver)\.[A-Za-z]{1,40}$/;
const MOST_CALLS = 40;

/** Why a client of ours loses a lease. */
const CAUSES = ['expired', 'nak', 'declined'];

/** The family of addresses: a VLAN may have a server for one of them and none for the other. */
type Place = 'segment' | 'family';
const PLACE = ['segment', 'family'] as const;

/**
 * Segments are as many as networks, and more only where networks come and go. Their number has a
 * limit of 4,094 for each trunk. No label names a container.
 */
export class EventMetrics {
  readonly #acquire: Histogram<Place>;
  readonly #answer: Histogram<Place>;
  readonly #lost: Counter<'segment' | 'cause'>;
  readonly #naks: Counter<'segment'>;
  readonly #conflicts: Counter<'segment'>;
  readonly #repeated: Counter<Place>;
  readonly #ignored: Counter<Place | 'reason'>;
  readonly #lastAnswer: Gauge<'segment' | 'server'>;
  readonly #calls: Histogram<'call'>;
  readonly #callErrors: Counter<'call'>;
  readonly #storeErrors: Counter;
  readonly #trouble: Counter<'level'>;
  readonly #wall: () => WallTime;
  /** Those of networks that there were since the start, and each with its families. */
  readonly #begun = new Set<string>();
  /** Newest answer last. At most MOST_SERVERS. */
  readonly #servers = new Map<string, { segment: string; server: string }>();
  /** At most MOST_CALLS. */
  readonly #knownCalls = new Set<string>();

  constructor(registry: Registry, wall: () => WallTime) {
    this.#wall = wall;
    const registers = [registry];
    const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
      new Counter({ name, help, labelNames, registers });
    this.#acquire = new Histogram({
      name: 'vlandhcp_lease_acquire_seconds',
      help: 'Time from the first question until an address could be used',
      ...{ labelNames: PLACE, buckets: START_BUCKETS, registers },
    });
    this.#answer = new Histogram({
      name: 'vlandhcp_dhcp_answer_seconds',
      help: 'Time from the first REQUEST to the ACK or REPLY of a DHCP server',
      ...{ labelNames: PLACE, buckets: ANSWER_BUCKETS, registers },
    });
    this.#lost = counter(
      'vlandhcp_leases_lost_total',
      'Leases that ended against the will of their user',
      ...(['segment', 'cause'] as const),
    );
    this.#naks = counter(
      'vlandhcp_dhcp_naks_total',
      'DHCPv4 requests that a server refused (NAK)',
      'segment',
    );
    this.#conflicts = counter(
      'vlandhcp_address_conflicts_total',
      'Leased addresses that another host had',
      'segment',
    );
    this.#repeated = counter(
      'vlandhcp_dhcp_retransmissions_total',
      'DHCP messages that were sent again, because nobody had answered',
      ...PLACE,
    );
    this.#ignored = counter(
      'vlandhcp_dhcp_ignored_messages_total',
      'DHCP messages that were heard and not used',
      ...PLACE,
      'reason',
    );
    this.#lastAnswer = new Gauge({
      name: 'vlandhcp_dhcp_server_last_answer_timestamp_seconds',
      help: 'When a DHCP server last granted or refused a lease',
      ...{ labelNames: ['segment', 'server'], registers },
    });
    this.#calls = new Histogram({
      name: 'vlandhcp_docker_call_seconds',
      help: 'Time until a call of Docker was answered',
      ...{ labelNames: ['call'], buckets: CALL_BUCKETS, registers },
    });
    this.#callErrors = counter(
      'vlandhcp_docker_call_errors_total',
      'Calls of Docker that were answered with an error',
      'call',
    );
    this.#storeErrors = counter(
      'vlandhcp_store_errors_total',
      'Records that could not be written to disk or removed from it',
    );
    this.#trouble = counter(
      'vlandhcp_trouble_total',
      'Lines of the log of level warn, error or fatal',
      'level',
    );
    for (const level of ['warn', 'error', 'fatal']) this.#trouble.inc({ level }, 0);
  }

  /**
   * Begins with 0 for a segment. Prometheus does not see the growth of a series that begins with 1.
   */
  begin(segment: string, family: 4 | 6): void {
    const key = `${family} ${segment}`;
    if (this.#begun.has(key)) return;
    this.#begun.add(key);
    this.#repeated.inc({ segment, family }, 0);
    this.#acquire.zero({ segment, family });
    this.#answer.zero({ segment, family });
    for (const counter of [this.#naks, this.#conflicts]) counter.inc({ segment }, 0);
    for (const cause of CAUSES) this.#lost.inc({ segment, cause }, 0);
  }

  count(event: PluginEvent | CountedEvent): void {
    if ('mac' in event && 'segment' in event) {
      this.begin(event.segment, 'family' in event ? event.family : 4);
    }
    switch (event.type) {
      case 'lease.acquired':
      case 'lease.renewed':
      case 'lease.changed': {
        const { segment, family, server, answerMs, tookMs } = event;
        if (tookMs !== undefined) this.#acquire.observe({ segment, family }, tookMs / 1000);
        if (answerMs === undefined) return;
        this.#answer.observe({ segment, family }, answerMs / 1000);
        return this.#answered(segment, server);
      }
      case 'lease.lost':
        return this.#lost.inc({ segment: event.segment, cause: event.cause ?? 'unknown' });
      case 'server.refused':
        this.#naks.inc({ segment: event.segment });
        return this.#answered(event.segment, event.server);
      case 'address.conflict':
        return this.#conflicts.inc({ segment: event.segment });
      case 'request.repeated':
        return this.#repeated.inc({ segment: event.segment, family: event.family });
      case 'message.ignored':
        return this.#ignored.inc({
          ...{ segment: event.segment, family: event.family, reason: event.reason },
        });
      case 'store.failed':
        return this.#storeErrors.inc();
      case 'trouble':
        return this.#trouble.inc({ level: event.level });
      case 'call.finished': {
        const call = this.#known(event.call);
        this.#calls.observe({ call }, event.ms / 1000);
        if (event.error !== undefined) this.#callErrors.inc({ call });
        return;
      }
      case 'lease.held':
      case 'lease.given-back':
      case 'server.ignored': // told once; `message.ignored` counts each
      case 'link.made':
      case 'link.removed':
      case 'link.gone':
      case 'link.back':
      case 'network.created':
      case 'network.removed':
      case 'plugin.started':
      case 'plugin.stopped':
        return;
    }
  }

  #answered(segment: string, server: string | undefined): void {
    if (server === undefined) return;
    const key = `${segment} ${server}`;
    this.#servers.delete(key);
    this.#servers.set(key, { segment, server });
    this.#lastAnswer.set({ segment, server }, this.#wall() / 1000);
    const [oldest] = this.#servers;
    if (this.#servers.size <= MOST_SERVERS || oldest === undefined) return;
    this.#servers.delete(oldest[0]);
    this.#lastAnswer.remove(oldest[1]);
  }

  #known(call: string): string {
    const isFull = this.#knownCalls.size >= MOST_CALLS && !this.#knownCalls.has(call);
    if (isFull || !CALL.test(call)) return 'other';
    this.#knownCalls.add(call);
    return call;
  }
}
