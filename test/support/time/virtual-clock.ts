/** The product's clock in virtual time: what is due first happens first, without waiting. */
import type { Clock } from '../../../plugin/clock.ts';
import type { Instant, Ms } from '../../../plugin/vocabulary/time.ts';
import { DueQueue, type Due } from './due-queue.ts';
import { settled } from './fake-clock.ts';

interface Timer extends Due {
  readonly fn: () => void;
  isCancelled: boolean;
}

export class VirtualClock implements Clock {
  readonly bootId = 'virtual';
  readonly #queue = new DueQueue<Timer>();
  #now: Instant = 1_000;
  #rank = 0;

  now(): Instant {
    return this.#now;
  }

  wall(): Instant {
    return this.#now + Date.UTC(2026, 0, 1);
  }

  at(instant: Instant, fn: () => void): () => void {
    if (Number.isNaN(instant)) throw new RangeError('a timer cannot be due at NaN');
    if (instant === Infinity) return () => undefined;
    this.#rank += 1;
    const timer: Timer = { at: instant, rank: this.#rank, fn, isCancelled: false };
    this.#queue.push(timer);
    return () => {
      timer.isCancelled = true;
    };
  }

  after(delay: Ms, fn: () => void): void {
    this.at(this.#now + delay, fn);
  }

  /** @param isAwaited true while somebody waits for a promise: its work is done first. */
  async runUntil(end: Instant, isAwaited: () => boolean): Promise<void> {
    for (;;) {
      if (isAwaited()) await settled();
      const next = this.#queue.first;
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      if (next.isCancelled) continue;
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
  }
}
