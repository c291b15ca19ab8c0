/**
 * The clock of the process: monotonic time for decisions, wall time for people, the boot's id for
 * stored times, and one kind of timer. `main.ts` chooses where the time comes from.
 */
import type { Instant, Ms, WallTime } from './vocabulary/time.ts';

export interface Clock {
  /**
   * Goes on while the host is suspended, and never jumps. All processes of one boot can compare it.
   */
  now(): Instant;
  wall(): WallTime;
  /** The id of the boot that `now()` counts from. */
  readonly bootId: string;
  /**
   * Calls `fn` when `instant` has come, at most 30 s late after a suspend. Returns a function that
   * cancels.
   * @throws RangeError for NaN: as a delay NaN would mean "at once", again and again.
   */
  at(instant: Instant, fn: () => void): () => void;
}

/** Where a clock reads the time that goes on during suspend. */
export interface TimeSource {
  now(): Instant;
  readonly bootId: string;
}

/**
 * Node's timers stand still while the host is suspended. So the time is read again after at most
 * this delay, and a host that wakes up notices a lease that ended meanwhile. The delay is also far
 * below Node's longest delay.
 */
const LONGEST_DELAY: Ms = 30_000;

/** @param onFailure called with what the `fn` of a timer throws. Later timers still fire. */
export function createClock(
  source: TimeSource,
  onFailure: (error: unknown) => void = rethrow,
): Clock {
  return {
    now: () => source.now(),
    wall: () => Date.now(),
    bootId: source.bootId,
    at(instant, fn) {
      if (Number.isNaN(instant)) throw new RangeError('a timer cannot be due at NaN');
      if (instant === Infinity) return () => undefined;
      let timer: NodeJS.Timeout;
      const wait = (): void => {
        const left = Math.max(0, Math.ceil(instant - source.now()));
        timer = setTimeout(look, Math.min(left, LONGEST_DELAY));
      };
      const look = (): void => {
        if (source.now() < instant) return wait();
        try {
          fn();
        } catch (error) {
          onFailure(error);
        }
      };
      wait();
      return () => clearTimeout(timer);
    },
  };
}

function rethrow(error: unknown): never {
  throw error;
}
