/**
 * Decides which repairs are made now. A repair that failed is tried again after longer and longer
 * times. A repair that worked but is needed again and again is put off, because somebody undoes it.
 */
import type { Clock } from '../../clock.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';

const HOLDS_IF_FEWER_THAN = 5;
const COUNTED_FOR: Ms = 60_000;
const PUT_OFF_FOR: Ms = 30_000;
const FIRST_RETRY_AFTER: Ms = 1_000;

interface Entry {
  /** When the repair was made recently. */
  readonly made: readonly Instant[];
  /** How often it failed since it was last made. */
  readonly failures: number;
  /** The repair is not made before this time. */
  readonly notBefore: Instant;
}

export class RepairHistory {
  readonly #clock: Clock;
  /**
   * The key is what is repaired. Bounded: an entry is removed when nothing in it counts any more.
   */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDue(key: string): boolean {
    return (this.#entries.get(key)?.notBefore ?? 0) <= this.#clock.now();
  }

  /**
   * @returns true if somebody undoes the repair. It is true once, when the repair is first put off.
   */
  made(key: string): boolean {
    const now = this.#clock.now();
    this.#forgetOld(now);
    const lately = (this.#entries.get(key)?.made ?? []).filter((at) => now - at < COUNTED_FOR);
    const made = [...lately, now];
    const isFight = made.length >= HOLDS_IF_FEWER_THAN;
    const notBefore = isFight ? now + PUT_OFF_FOR : 0;
    this.#entries.set(key, { made, failures: 0, notBefore });
    return made.length === HOLDS_IF_FEWER_THAN;
  }

  /** @returns true if it is the first failure since the repair was made. */
  failed(key: string): boolean {
    const { made = [], failures = 0 } = this.#entries.get(key) ?? {};
    const pause = Math.min(FIRST_RETRY_AFTER * 2 ** failures, PUT_OFF_FOR);
    const notBefore = this.#clock.now() + pause;
    this.#entries.set(key, { made, failures: failures + 1, notBefore });
    return failures === 0;
  }

  /**
   * The earliest instant at which one of these repairs is to be made; undefined if there is none.
   */
  firstDue(keys: Iterable<string>): Instant | undefined {
    const due = [...keys].map((key) => this.#entries.get(key)?.notBefore ?? 0);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #forgetOld(now: Instant): void {
    for (const [key, { made, notBefore }] of this.#entries) {
      if (now - Math.max(made.at(-1) ?? 0, notBefore) >= COUNTED_FOR) this.#entries.delete(key);
    }
  }
}
