/**
 * How many DECLINEs a segment gets. Each takes an address out of the server's pool for hours: whoever answers for every
 * address, by mistake or on purpose, would empty it by our hand.
 */
import type { Clock } from '../../clock.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';

export const DECLINES_PER_HOUR = 6;
const HOUR: Ms = 3_600_000;

export class DeclineBudget {
  readonly #clock: Clock;
  /** When they were sent, by segment. Bounded by the segments there are. */
  readonly #sentAt = new Map<string, readonly Instant[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns false if no more may be sent on this segment now. */
  take(segment: string): boolean {
    const now = this.#clock.now();
    const lately = (this.#sentAt.get(segment) ?? []).filter((at) => now < at + HOUR);
    if (lately.length >= DECLINES_PER_HOUR) return false;
    this.#sentAt.set(segment, [...lately, now]);
    return true;
  }
}
