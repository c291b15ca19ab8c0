/**
 * Remembers which segments have no DHCP server at the moment. When a host boots, dockerd starts the
 * containers of a network one after the other. It answers nobody before all are started. The first
 * container waits its full time for a server. The others do not wait for the same server again.
 */
import type { Clock } from '../clock.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';

/** How long we remember that no server answered. */
const REMEMBERED_FOR: Ms = 60_000;
/** A server that knows a lease answers at once. No server probes before it acknowledges one. */
const PATIENCE_WITH_LEASE: Ms = 200;
/** With `on_no_server=late` a container can start without an address. It need not wait. */
const PATIENCE_WHEN_LATE: Ms = 200;
/** A server that is back may probe for 3 s before it offers (dnsmasq). */
const PATIENCE_WITHOUT: Ms = 5_000;
/**
 * How long starts count as part of a boot. A person makes later starts. They wait for all of
 * `lease_timeout`.
 */
const BOOT_LASTS: Ms = 180_000;

export class SegmentSilence {
  readonly #clock: Clock;
  readonly #startedAt: Instant;
  /** By segment. Its size is limited by the number of networks and pools. */
  readonly #heardNothingAt = new Map<string, Instant>();
  /** By segment: the MAC that asked last without an answer. */
  readonly #unanswered = new Map<string, Mac>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /**
   * No server answered on the segment.
   * @param mac whose questions they were.
   */
  note(segment: string, mac: Mac): void {
    this.#heardNothingAt.set(segment, this.#clock.now());
    this.#unanswered.set(segment, mac);
  }

  /** The MAC that asked last on that segment, if nobody answered it. */
  unanswered(segment: string): Mac | undefined {
    return this.#unanswered.get(segment);
  }

  /** A server answered on the segment. */
  end(segment: string): void {
    this.#heardNothingAt.delete(segment);
    this.#unanswered.delete(segment);
  }

  /**
   * @param by the latest end of the wait for a lease.
   * @param late `on_no_server=late`.
   * @returns the end of the wait, and how long to wait for an answer about a lease that is still
   * valid.
   */
  limits(segment: string, by: Instant, late: boolean): { by: Instant; patience: Ms } {
    const now = this.#clock.now();
    const since = this.#heardNothingAt.get(segment) ?? -Infinity;
    if (now - since > REMEMBERED_FOR) return { by, patience: Infinity };
    const isBoot = now - this.#startedAt < BOOT_LASTS;
    return {
      by: isBoot ? Math.min(by, now + (late ? PATIENCE_WHEN_LATE : PATIENCE_WITHOUT)) : by,
      patience: PATIENCE_WITH_LEASE,
    };
  }
}
