/**
 * Which segments have no DHCP server right now. When a host boots, dockerd starts the containers of a network
 * one after the other and answers nobody before it is through: the first one waits for a server in full, those
 * after it do not wait for the same silence again.
 */
import type { Clock } from '../clock.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';

/** Silence is news for this long. */
const REMEMBERED_FOR: Ms = 60_000;
/** A server that knows a lease answers at once: none of them probes before it acknowledges. */
const PATIENCE_WITH_LEASE: Ms = 200;
/** A start that can do without an address has nothing to wait for. */
const PATIENCE_WHEN_LATE: Ms = 200;
/** A server that is back may probe for 3 s before it offers (dnsmasq). */
const PATIENCE_WITHOUT: Ms = 5_000;
/** Later starts are a person's: `lease_timeout` holds in full. */
const BOOT_LASTS: Ms = 180_000;

export class SegmentSilence {
  readonly #clock: Clock;
  readonly #startedAt: Instant;
  /** By segment. Bounded by the networks and pools there are. */
  readonly #heardNothingAt = new Map<string, Instant>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Nobody answered there. */
  note(segment: string): void {
    this.#heardNothingAt.set(segment, this.#clock.now());
  }

  /** Somebody did. */
  end(segment: string): void {
    this.#heardNothingAt.delete(segment);
  }

  /**
   * @param by until when to wait for a lease at most. @param late `on_no_server=late`.
   * @returns until when to wait, and how long for an answer about a lease that is still valid.
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
