/**
 * Which repairs are to be made now. One that failed is tried again later and later. One that is needed again and again
 * although it worked fights with somebody, and is put off.
 */
import type { Clock } from '../clock.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';

const HOLDS_IF_FEWER_THAN = 5;
const COUNTED_FOR: Ms = 60_000;
const PUT_OFF_FOR: Ms = 30_000;
const FIRST_RETRY_AFTER: Ms = 1_000;

interface Entry {
  /** When it was made, of late. */
  readonly made: readonly Instant[];
  /** How often it failed since it was made last. */
  readonly failures: number;
  /** Not to be made before. */
  readonly notBefore: Instant;
}

export class RepairHistory {
  readonly #clock: Clock;
  /** By what is mended; bounded: an entry goes when nothing of it counts any more. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDue(key: string): boolean {
    return (this.#entries.get(key)?.notBefore ?? 0) <= this.#clock.now();
  }

  /** @returns true if somebody undoes it: told once, when it is put off for the first time. */
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

  /** @returns true if it is the first time since it was made. */
  failed(key: string): boolean {
    const { made = [], failures = 0 } = this.#entries.get(key) ?? {};
    const pause = Math.min(FIRST_RETRY_AFTER * 2 ** failures, PUT_OFF_FOR);
    const notBefore = this.#clock.now() + pause;
    this.#entries.set(key, { made, failures: failures + 1, notBefore });
    return failures === 0;
  }

  /** The earliest instant at which one of these is to be made; undefined: there is none. */
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
