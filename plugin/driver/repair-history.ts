/** How often what was mended lately: a repair that is needed again and again fights with somebody, and is put off. */
import type { Clock } from '../clock.ts';
import type { Instant, Ms } from '../time.ts';

const HOLDS_IF_FEWER_THAN = 5;
const COUNTED_FOR: Ms = 60_000;
export const PUT_OFF_FOR: Ms = 30_000;

export class RepairHistory {
  readonly #clock: Clock;
  /** By what is mended; an entry goes when its last repair no longer counts. */
  readonly #made = new Map<string, readonly Instant[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a repair that is about to be made. @returns `put-off` if it is not to be made now; `fight` the first time of that. */
  note(key: string): 'make' | 'fight' | 'put-off' {
    const now = this.#clock.now();
    for (const [other, made] of this.#made) {
      if (now - (made.at(-1) ?? 0) >= COUNTED_FOR) this.#made.delete(other);
    }
    const lately = (this.#made.get(key) ?? []).filter((at) => now - at < COUNTED_FOR);
    if (lately.length < HOLDS_IF_FEWER_THAN) {
      this.#made.set(key, [...lately, now]);
      return 'make';
    }
    const isFirst = lately.length === HOLDS_IF_FEWER_THAN;
    if (now - (lately.at(-1) ?? 0) >= PUT_OFF_FOR) {
      this.#made.set(key, [...lately, now]);
      return 'make';
    }
    if (isFirst) this.#made.set(key, [...lately, lately.at(-1) ?? now]); // told
    return isFirst ? 'fight' : 'put-off';
  }
}
