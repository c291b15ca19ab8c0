/** The system clock: monotonic for decisions, wall time for what is stored, and one kind of timer. */
import type { Instant, Ms, WallTime } from './time.ts';

export interface Clock {
  now(): Instant;
  wall(): WallTime;
  /** Calls `fn` at `instant`, or earlier if it is far away; returns how to cancel. Never for Infinity. */
  at(instant: Instant, fn: () => void): () => void;
}

/** Node turns longer delays into 1 ms; whoever is called too early looks at the time and asks again. */
const LONGEST_DELAY: Ms = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  at(instant, fn) {
    if (instant === Infinity) return () => undefined;
    const delay = Math.min(Math.max(0, Math.ceil(instant - performance.now())), LONGEST_DELAY);
    const timer = setTimeout(fn, delay);
    return () => clearTimeout(timer);
  },
};
