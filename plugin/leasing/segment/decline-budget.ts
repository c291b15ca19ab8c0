/**
 * Limits the DECLINEs on a segment. Each takes an address out of the server's pool for hours. A
 * host that answers for every address, by mistake or on purpose, could empty the pool through us.
 */
import type { Clock } from '../../clock.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';

export const DECLINES_PER_HOUR = 6;
const HOUR: Ms = 3_600_000;

export class DeclineBudget {
  readonly #clock: Clock;
  /** When DECLINEs were sent, for each segment. Its size is limited by the number of segments. */
  readonly #sentAt = new Map<string, readonly Instant[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one DECLINE.
   * @returns false if no more may be sent on this segment now.
   */
  take(segment: string): boolean {
    const now = this.#clock.now();
    const lately = (this.#sentAt.get(segment) ?? []).filter((at) => now < at + HOUR);
    if (lately.length >= DECLINES_PER_HOUR) return false;
    this.#sentAt.set(segment, [...lately, now]);
    return true;
  }
}
