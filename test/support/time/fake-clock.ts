/** A clock that stands still until a test steps it. Timers run in the order of their time. */
import type { Clock } from '../../../plugin/clock.ts';
import type { Instant, Ms, WallTime } from '../../../plugin/vocabulary/time.ts';

interface Timer {
  readonly dueAt: Instant;
  readonly fn: () => void;
}

export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #wallOffset: number;
  bootId: string;
  /** Fires timers this much before their time. Node's own timers may be up to 1 ms early. */
  readonly earlyBy: Ms;
  #now: Instant;

  constructor({ now = 1000, wall = Date.UTC(2026, 0, 1), earlyBy = 0, bootId = 'boot 1' } = {}) {
    this.#now = now;
    this.#wallOffset = wall - now;
    this.earlyBy = earlyBy;
    this.bootId = bootId;
  }

  now(): Instant {
    return this.#now;
  }

  wall(): WallTime {
    return this.#now + this.#wallOffset;
  }

  /** Somebody sets the wall clock. No time passes. */
  stepWall(by: Ms): void {
    this.#wallOffset += by;
  }

  /** The host boots again after `away` ms: its clock starts from 0, and pending timers are gone. */
  reboot(away: Ms = 60_000): void {
    const wall = this.wall() + away;
    this.#timers.clear();
    this.#now = 5_000;
    this.#wallOffset = wall - this.#now;
    this.bootId = `${this.bootId}+`;
  }

  at(instant: Instant, fn: () => void): () => void {
    if (Number.isNaN(instant)) throw new RangeError('a timer cannot be due at NaN');
    if (instant === Infinity) return () => undefined;
    const isNear = instant - this.#now <= this.earlyBy + 1e-6;
    const timer = { dueAt: isNear ? instant : instant - this.earlyBy, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that would still fire. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The timer that fires first. Of two at one instant it is the one that was set first. */
  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.dueAt < first.dueAt) first = timer;
    }
    return first;
  }

  /** Lets `ms` pass. The work that a timer starts is done before the next timer fires. */
  async pass(ms: Ms): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settled();
      const next = this.#next();
      if (next === undefined || next.dueAt > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.fn();
    }
    this.#now = until;
  }
}

/** Resolves when everything that needs no time has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
